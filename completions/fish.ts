/**
 * Completions for fish 3.1 and newer.
 *
 * @module
 */
import {
  type CommandGrammar,
  type Option,
  type Program,
  summaryOf,
  type Value,
} from "./grammar.ts";
import { SIGNAL_NAMES } from "./signals.ts";

function quoted(word: string): string {
  return `'${word.replaceAll(/[\\']/g, (sign) => `\\${sign}`)}'`;
}

/** The flags that offer the candidates of a value. */
function candidates({ kind, words }: Value): string {
  switch (kind) {
    case "file":
      return " -F";
    case "directory":
      return " -f -a '(__fish_complete_directories)'";
    case "user":
      return " -f -a '(__fish_complete_users)'";
    case "group":
      return " -f -a '(__fish_complete_groups)'";
    case "signal":
      return ` -f -a ${quoted(SIGNAL_NAMES.join(" "))}`;
    case "command":
      return " -f -a '(__FUNCTION_rest)'";
    case "word":
      return words.length > 0 ? ` -f -a ${quoted(words.join(" "))}` : " -f";
  }
}

function optionLine(condition: string, option: Option): string {
  const { name, letter, description, value, isOptional } = option;
  return [
    `complete -c __NAME ${condition} -l ${name}`,
    letter === undefined ? "" : ` -s ${letter}`,
    value === undefined || isOptional ? "" : " -r",
    value === undefined ? "" : candidates(value),
    ` -d ${quoted(summaryOf(description))}`,
  ].join("");
}

type Named = Pick<CommandGrammar, "name" | "options" | "operands">;

function lines({ name, options, operands }: Named): string[] {
  const at = `-n ${quoted(`__FUNCTION_at "${name}"`)}`;
  return [
    ...options.map((option) => optionLine(at, option)),
    ...operands.flatMap((value, index) => {
      const place = value.placeholder.includes("...") ? "" : ` ${index}`;
      const flags = candidates(value);
      if (flags === " -f") return [];
      return [
        `complete -c __NAME -n ${
          quoted(`__FUNCTION_at "${name}"${place}`)
        }${flags}`,
      ];
    }),
  ];
}

/**
 * `_words` prints the command and the number of operands before the cursor, or
 * `--` and the index of the word after `--`.
 */
const FUNCTIONS = `function __FUNCTION_words
    set -l valued __VALUED
    set -l commands __COMMANDS
    set -l command ''
    set -l operands 0
    set -l skip 0
    set -l at 0
    for word in (commandline -opc)
        set at (math $at + 1)
        if test $at = 1
        else if test $skip = 1
            set skip 0
        else if test "$word" = -- ; and contains -- "$command" __DASHES
            printf '%s\\n' -- (math $at + 1)
            return
        else if string match -q -- '-*' $word
            contains -- "$command $word" $valued; and set skip 1
        else if test -z "$command" -a (count $commands) -gt 0
            set command $word
        else
            set operands (math $operands + 1)
            if test -n '__OPERAND_COMMAND'
                printf '%s\\n' -- $at
                return
            end
        end
    end
    printf '%s\\n' "$command" $operands
end

function __FUNCTION_at
    set -l words (__FUNCTION_words)
    test "$words[1]" = "$argv[1]"; or return 1
    test (count $argv) -lt 2; or test $words[2] = $argv[2]
end

# The candidates of the command line that begins at a word.
function __FUNCTION_rest
    set -l before (commandline -opc)
    set -l words (__FUNCTION_words)
    set -l first (math (count $before) + 1)
    test "$words[1]" = --; and set first $words[2]
    set -l line
    test $first -le (count $before); and set line (string escape -- $before[$first..-1])
    set -l rest (string join ' ' -- $line (commandline -ct))
    complete --do-complete="$rest"
end`;

/** The script for fish. */
export function fishScript(program: Program): string {
  const { name, commands, options, operands } = program;
  const all: readonly Named[] = [{ ...program, name: "" }, ...commands];
  const valued = all.flatMap(({ name, options }) =>
    options.filter(({ value, isOptional }) => value && !isOptional)
      .map((option) => quoted(`${name} --${option.name}`))
  );
  const dashes = commands.filter(({ hasDashes }) => hasDashes)
    .map(({ name }) => name);
  const first = commands.map(({ name, description }) =>
    `complete -c __NAME -n '__FUNCTION_at "" 0' -a ${name} -d ${
      quoted(summaryOf(description))
    }`
  );
  const script = [
    "# Completions of __NAME for fish.",
    FUNCTIONS,
    "",
    "complete -c __NAME -f",
    "complete -c __NAME -n '__FUNCTION_at --' -a '(__FUNCTION_rest)'",
    ...first,
    ...lines({ name: "", options, operands }),
    ...commands.flatMap(lines),
    "",
  ].join("\n");
  const isCommand = operands[0]?.kind === "command";
  return script
    .replaceAll("__VALUED", valued.join(" "))
    .replaceAll("__COMMANDS", commands.map(({ name }) => name).join(" "))
    .replaceAll("__DASHES", dashes.join(" "))
    .replaceAll("__OPERAND_COMMAND", isCommand ? "yes" : "")
    .replaceAll("__FUNCTION", `__${name.replaceAll(/\W/g, "_")}`)
    .replaceAll("__NAME", name);
}
