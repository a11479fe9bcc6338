import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./usage_error.ts";

/** The options that a command knows beside `-h`, `-V` and `--sock`. */
export interface KnownOptions {
  /** With a value. */
  values?: readonly string[];
  /** With a value that may be left out, which is empty then. */
  optional?: readonly string[];
  /** Without one. */
  flags?: readonly string[];
}

/** What a command line says. */
export interface Options {
  /** What is no option. */
  readonly words: string[];
  /** `-h` or `-V`, if given. */
  readonly asks: "help" | "version" | undefined;
  /** Whether a flag is given. */
  has(flag: string): boolean;
  /** All values of an option, in order. */
  all(option: string): string[];
  /**
   * The value of an option that may be given once.
   *
   * @throws {UsageError} when it is given twice.
   */
  one(option: string): string | undefined;
}

/**
 * Reads options, wherever they stand among the words.
 *
 * @throws {UsageError} for one that is not known or lacks its value.
 */
export function readOptions(
  args: readonly string[],
  { values = [], optional = [], flags = [] }: KnownOptions = {},
): Options {
  const valued = [...values, "sock"];
  const named = [...valued, ...optional];
  const read: Record<string, unknown> = parseArgs(args, {
    boolean: [...flags, "help", "h", "version", "V"],
    string: ["_", ...named],
    collect: named,
    unknown: (argument, option) => {
      if (option !== undefined) throw new UsageError(`no option ${argument}`);
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
    words: all("_"),
    asks: has("help") || has("h")
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
