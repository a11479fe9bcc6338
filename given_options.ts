/**
 * Reads the options of a command line.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { unknownOption } from "./unknown_name.ts";

/** The command line is invalid: exit status 2. */
export class UsageError extends Error {
  /** `UsageError`. */
  override readonly name = "UsageError";
}

/** The options of a program, beside `-h` and `-V`; names without hyphens. */
export interface KnownOptions {
  /** Options with a value. */
  values?: readonly string[];
  /** Options with an optional value, which is empty if it is left out. */
  optional?: readonly string[];
  /** Options without a value. */
  flags?: readonly string[];
}

/** The options and operands of a command line. */
export interface Options {
  /** The arguments that are not options. */
  readonly operands: string[];
  /** What `-h` or `-V` asks to show. */
  readonly show: "help" | "version" | undefined;
  /** Whether a flag is given. */
  has(flag: string): boolean;
  /** All values of an option, in order. */
  all(option: string): string[];
  /**
   * The value of an option that may be given once.
   *
   * @throws {UsageError} if it is given twice.
   */
  one(option: string): string | undefined;
}

/**
 * Reads options, which may come before, between and after the operands.
 *
 * @throws {UsageError} if an option is unknown or its value is missing.
 */
export function readGivenOptions(
  args: readonly string[],
  { values = [], optional = [], flags = [] }: KnownOptions,
): Options {
  const named = [...values, ...optional];
  const booleans = [...flags, "help", "h", "version", "V"];
  refuseValueOfFlag(args, booleans);
  const read: Record<string, unknown> = parseArgs(
    joinNegativeNumbers(args, named),
    {
      boolean: booleans,
      string: ["_", ...named],
      collect: named,
      unknown: (argument, option) => {
        if (option === undefined) return;
        throw new UsageError(unknownOption(argument, [...named, ...booleans]));
      },
    },
  );
  const has = (flag: string): boolean => read[flag] === true;
  const all = (option: string): string[] =>
    [read[option] ?? []].flat().map(String);
  const show = has("help") || has("h")
    ? "help"
    : has("version") || has("V")
    ? "version"
    : undefined;
  const missing = values.find((option) => all(option).includes(""));
  if (missing !== undefined && show === undefined) {
    throw new UsageError(`the value of --${missing} is missing`);
  }
  return {
    operands: all("_"),
    show,
    has,
    all,
    one: (option) => {
      const [value, more] = all(option);
      if (more === undefined) return value;
      throw new UsageError(`--${option} is given twice`);
    },
  };
}

/** The words before `--`, which ends the options. */
function beforeDashes(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end === -1 ? args : args.slice(0, end);
}

/**
 * `--backlog -1` as `--backlog=-1`: a negative number is a value, whose error
 * message names the option.
 */
function joinNegativeNumbers(
  args: readonly string[],
  values: readonly string[],
): string[] {
  const before = beforeDashes(args);
  const joined: string[] = [];
  for (const word of before) {
    const option = joined.at(-1) ?? "";
    const isNegative = /^-\d/.test(word) &&
      values.some((name) => option === `--${name}`);
    if (isNegative) joined[joined.length - 1] = `${option}=${word}`;
    else joined.push(word);
  }
  return [...joined, ...args.slice(before.length)];
}

/** Refuses a flag with a value, such as `--json=no`. */
function refuseValueOfFlag(
  args: readonly string[],
  flags: readonly string[],
): void {
  const long = flags.filter((name) => name.length > 1);
  const word = beforeDashes(args).find((each) =>
    long.some((name) => each.startsWith(`--${name}=`))
  );
  if (word === undefined) return;
  throw new UsageError(`${word.split("=", 1)[0]} takes no value: ${word}`);
}

/**
 * The value of an option that has a few.
 *
 * @throws {UsageError} for any other value.
 */
export function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new UsageError(
    `invalid --${option} ${value}: expected one of ${choices.join(", ")}`,
  );
}
