import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./usage_error.ts";

/** The options that a command knows beside `-h`, `-V` and `--sock`. */
export interface KnownOptions<
  Value extends string = never,
  Flag extends string = never,
> {
  /** With a value. */
  values?: readonly Value[];
  /** Without one. */
  flags?: readonly Flag[];
}

/** What a command line says. */
export interface Options<Value extends string, Flag extends string> {
  /** What is no option. */
  words: string[];
  /** All values of each option, in order. */
  values: Record<Value | "sock", readonly string[]>;
  flags: Record<Flag | "help" | "version", boolean>;
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
  known: KnownOptions<Value, Flag>,
): Options<Value, Flag> {
  const values = [...known.values ?? [], "sock" as const];
  const flags = [...known.flags ?? [], "help" as const, "version" as const];
  const read: Record<string, unknown> = parseArgs([...args], {
    boolean: flags,
    string: ["_", ...values],
    collect: values,
    alias: { help: "h", version: "V" },
    unknown: (argument, option) => {
      if (option !== undefined) throw new UsageError(`no option ${argument}`);
    },
  });
  const valuesOf = (option: string): string[] => {
    const given = [read[option] ?? []].flat().map(String);
    if (given.includes("")) {
      throw new UsageError(`the value of --${option} is missing`);
    }
    return given;
  };
  return {
    words: [read._ ?? []].flat().map(String),
    values: Object.fromEntries(
      values.map((option) => [option, valuesOf(option)]),
    ) as Options<Value, Flag>["values"],
    flags: Object.fromEntries(
      flags.map((flag) => [flag, read[flag] === true]),
    ) as Options<Value, Flag>["flags"],
  };
}

/** The value of an option that may be given once. */
export function single(
  option: string,
  values: readonly string[],
): string | undefined {
  if (values.length > 1) throw new UsageError(`--${option} is given twice`);
  return values[0];
}
