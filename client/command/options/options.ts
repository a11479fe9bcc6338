import { parseArgs } from "@std/cli/parse-args";
import { unknownOption } from "../../../unknown_name.ts";
import { joinNegativeNumbers, valueOfFlag } from "../../../given_options.ts";
import { UsageError } from "./usage_error.ts";

/** The options of a command, beside `-h`, `-V` and `--sock`. */
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
export function readOptions(
  args: readonly string[],
  { values = [], optional = [], flags = [] }: KnownOptions = {},
): Options {
  const valued = [...values, "sock"];
  const named = [...valued, ...optional];
  const booleans = [...flags, "help", "h", "version", "V"];
  const names = { values: named, flags: booleans };
  const problem = valueOfFlag(args, names);
  if (problem !== undefined) throw new UsageError(problem);
  const words = joinNegativeNumbers(args, names);
  const read: Record<string, unknown> = parseArgs(words, {
    boolean: booleans,
    string: ["_", ...named],
    collect: named,
    unknown: (argument, option) => {
      if (option !== undefined) {
        throw new UsageError(unknownOption(argument, [...named, ...booleans]));
      }
    },
  });
  const has = (flag: string): boolean => read[flag] === true;
  const all = (option: string): string[] =>
    [read[option] ?? []].flat().map(String);
  for (const option of valued) {
    if (all(option).includes("")) {
      throw new UsageError(`the value of --${option} is missing`);
    }
  }
  return {
    operands: all("_"),
    show: has("help") || has("h")
      ? "help"
      : has("version") || has("V")
      ? "version"
      : undefined,
    has,
    all,
    one: (option) => {
      const [value, more] = all(option);
      if (more !== undefined) {
        throw new UsageError(`--${option} is given twice`);
      }
      return value;
    },
  };
}
