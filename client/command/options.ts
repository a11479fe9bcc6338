import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./usage_error.ts";

/** The options that a command knows beside `-h`, `-V` and `--sock`. */
export interface KnownOptions<Value extends string, Flag extends string> {
  /** With a value. */
  values?: readonly Value[];
  /** With a value that may be left out, which is empty then. */
  optional?: readonly Value[];
  /** Without one. */
  flags?: readonly Flag[];
}

/** What a command line says. */
export interface Options<Value extends string, Flag extends string> {
  /** What is no option. */
  readonly words: string[];
  /** `-h` or `-V`, if given. */
  readonly asks: "help" | "version" | undefined;
  /** Whether a flag is given. */
  has(flag: Flag): boolean;
  /** All values of an option, in order. */
  all(option: Value | "sock"): string[];
  /**
   * The value of an option that may be given once.
   *
   * @throws {UsageError} when it is given twice.
   */
  one(option: Value | "sock"): string | undefined;
}

/**
 * Reads options, wherever they stand among the words.
 *
 * @throws {UsageError} for one that is not known or lacks its value.
 */
export function readOptions<
  Value extends string = never,
  Flag extends string = never,
>(
  args: readonly string[],
  { values = [], optional = [], flags = [] }: KnownOptions<Value, Flag> = {},
): Options<Value, Flag> {
  const valued = [...values, "sock"];
  const named = [...valued, ...optional];
  const read: Record<string, unknown> = parseArgs([...args], {
    boolean: [...flags, "help", "version"],
    string: ["_", ...named],
    collect: named,
    alias: { help: "h", version: "V" },
    unknown: (argument, option) => {
      if (option !== undefined) throw new UsageError(`no option ${argument}`);
    },
  });
  const all = (option: string): string[] =>
    [read[option] ?? []].flat().map(String);
  for (const option of valued) {
    if (all(option).includes("")) {
      throw new UsageError(`the value of --${option} is missing`);
    }
  }
  return {
    words: all("_"),
    asks: read.help ? "help" : read.version ? "version" : undefined,
    has: (flag) => read[flag] === true,
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
