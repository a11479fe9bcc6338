/**
 * What can be written where in a command line, according to its help.
 *
 * @module
 */
import { entriesOf, type Entry, readUsage } from "./usage_text.ts";

/** What a word of a command line is. */
export type Kind =
  | "word"
  | "file"
  | "directory"
  | "user"
  | "group"
  | "signal"
  | "command";

/** A value of an option, or an operand. */
export interface Value {
  /** As the help writes it. */
  placeholder: string;
  kind: Kind;
  /** Fixed words that are valid. */
  words: readonly string[];
}

/** An option. */
export interface Option {
  /** Without hyphens. */
  name: string;
  /** Its short form. */
  letter?: string;
  description: string;
  value?: Value;
  /** Whether the value may be left out. */
  isOptional: boolean;
  /** Whether it may be given several times. */
  isRepeatable: boolean;
}

/** What a command, or a program without commands, accepts. */
export interface Grammar {
  options: readonly Option[];
  operands: readonly Value[];
  /** Whether another command line follows `--`. */
  hasDashes: boolean;
}

/** A command of a program. */
export interface CommandGrammar extends Grammar {
  name: string;
  description: string;
}

/** A program that a shell completes. */
export interface Program extends Grammar {
  name: string;
  commands: readonly CommandGrammar[];
}

/** The help of a program and of its commands. */
export interface ProgramUsage {
  /** The name of the program. */
  name: string;
  /** Its help. */
  usage: string;
  /** The help of each command, by name. */
  commands: Readonly<Record<string, string>>;
}

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^(FILE|PATH|MODULE|CERT|KEY|control\.sock)$/, "file"],
  [/^DIR$/, "directory"],
  [/^USER$/, "user"],
  [/^GROUP$/, "group"],
  [/^SIGNAL$/, "signal"],
  [/^HAPROXY$/, "command"],
];

/** `debug, info, warn or error` as a description, or at its end after a colon. */
const ALTERNATIVES = /(?:^|: )([a-z]+(?:, [a-z]+)* or [a-z]+)$/;

function kindOf(placeholder: string, option: string): Kind {
  if (option.endsWith("signal")) return "signal";
  if (option === "group") return "group";
  if (option === "owner") return "user";
  const word = /[A-Za-z][\w.]*/.exec(placeholder)?.[0] ?? "";
  return KINDS.find(([pattern]) => pattern.test(word))?.[1] ?? "word";
}

/** The fixed part of a valid value: `http:/` of `http:/PATH`. */
function fixedPart(word: string): string {
  return /^[^A-Z[<]*/.exec(word)![0];
}

function valueOf(
  placeholder: string,
  option: string,
  description: string,
): Value {
  const kind = kindOf(placeholder, option);
  if (placeholder.includes("|")) {
    const words = placeholder.split("|").map(fixedPart);
    return { placeholder, kind, words: words.filter((word) => word !== "") };
  }
  const words = ALTERNATIVES.exec(description)?.[1]?.split(/, | or /) ?? [];
  return { placeholder, kind, words };
}

const OPTION = /^(?:-(\w), )?--([\w-]+)(\[=| \[| |$)([^]*)$/;

/** An entry for each option of a term such as `--one FILE --other NAME`. */
function apart({ term, description }: Entry): Entry[] {
  return term.split(/(?<!,) (?=--\w)/)
    .map((each) => ({ term: each, description }));
}

function optionOf({ term, description }: Entry): Option | undefined {
  const [, letter, name, separator, rest = ""] = OPTION.exec(term) ?? [];
  if (name === undefined) return undefined;
  const isOptional = separator!.includes("[");
  const placeholder = isOptional ? rest.replace("]", "") : rest;
  return {
    name,
    ...(letter !== undefined && { letter }),
    description,
    ...(placeholder !== "" && {
      value: valueOf(placeholder, name, description),
    }),
    isOptional,
    isRepeatable: description.includes("repeatable"),
  };
}

/** The words of an option that several entries describe, one word each. */
function together(one: Option, other: Option): Option {
  const words = [one, other].flatMap(({ value }) =>
    value === undefined
      ? []
      : value.words.length > 0
      ? value.words
      : [fixedPart(value.placeholder)]
  );
  const fixed = words.filter((word) => word !== "");
  const value = one.value && { ...one.value, words: fixed };
  return { ...one, ...value && { value } };
}

/** The options of some entries. */
export function optionsOf(entries: readonly Entry[]): Option[] {
  const options = new Map<string, Option>();
  for (const entry of entries.flatMap(apart)) {
    const option = optionOf(entry);
    if (option === undefined) continue;
    const before = options.get(option.name);
    options.set(option.name, before ? together(before, option) : option);
  }
  return [...options.values()];
}

/** The operands of a command line after its options. */
function operandsOf(synopsis: string): string[] {
  const [, operands = ""] = /\[options\](.*)$/.exec(synopsis) ?? [];
  const [before = ""] = operands.split(" -- ");
  return before.replaceAll(/ of \w+/g, "").split(" ")
    .filter((word) => word !== "" && !word.startsWith("[-"));
}

/** `Options of run, ...:` and lines with the names of these options. */
const OPTIONS_OF = /^Options of (\w+)\b[^\n]*\n((?: {2}.*\n?)+)/m;

/** The options that a help text only names, because another one explains them. */
function optionsElsewhere(
  usage: string,
  commands: ProgramUsage["commands"],
): Option[] {
  const [, command, lines = ""] = OPTIONS_OF.exec(usage) ?? [];
  const explained = command === undefined ? undefined : commands[command];
  if (explained === undefined) return [];
  const names = [...lines.matchAll(/--([\w-]+)/g)].map(([, name]) => name);
  return grammarOf(explained, {}).options
    .filter(({ name }) => names.includes(name));
}

function grammarOf(
  usage: string,
  commands: ProgramUsage["commands"],
): Grammar {
  const text = readUsage(usage);
  const [synopsis = ""] = text.synopsis;
  return {
    options: [
      ...optionsOf(entriesOf(text)),
      ...optionsElsewhere(usage, commands),
    ],
    operands: operandsOf(synopsis).map((word) => valueOf(word, "", "")),
    hasDashes: synopsis.includes(" -- "),
  };
}

/** Reads the help of a program and of its commands. */
export function programOf({ name, usage, commands }: ProgramUsage): Program {
  const listed = entriesOf(readUsage(usage)).flatMap(
    ({ term, description }) => {
      const [command = ""] = term.split(" ");
      if (command.startsWith("-")) return [];
      const operands = term.split(" ").slice(1)
        .map((word) => valueOf(word.replaceAll(/[[\]]/g, ""), "", ""));
      const known = commands[command];
      const grammar = known === undefined
        ? { options: [], operands, hasDashes: false }
        : grammarOf(known, commands);
      return [{ name: command, description, ...grammar }];
    },
  );
  const { options, operands, hasDashes } = grammarOf(usage, {});
  return {
    name,
    options,
    operands: listed.length > 0 ? [] : operands,
    hasDashes,
    commands: listed.map((command) =>
      command.name === "help"
        ? { ...command, operands: [commandNames(listed)] }
        : command
    ),
  };
}

function commandNames(commands: readonly { name: string }[]): Value {
  const words = commands.map(({ name }) => name)
    .filter((name) => name !== "help");
  return { placeholder: "COMMAND", kind: "word", words };
}

/** The first clause of a description, for a list of candidates. */
export function summaryOf(description: string): string {
  return description.split(/[;:]|\. /)[0]!;
}
