import {
  type KnownOptions,
  type Options,
  readGivenOptions,
} from "../../../given_options.ts";

/**
 * Reads the options of a command. Every command has `--sock` too.
 *
 * @throws {UsageError} as {@linkcode readGivenOptions}.
 */
export function readOptions(
  args: readonly string[],
  { values = [], ...others }: KnownOptions = {},
): Options {
  return readGivenOptions(args, { ...others, values: [...values, "sock"] });
}
