/**
 * Checks the options of a command line before they are parsed.
 *
 * @module
 */

/** The options of a program, names without hyphens. */
export interface OptionNames {
  /** Options with a value. */
  values: readonly string[];
  /** Options without a value. */
  flags: readonly string[];
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
export function joinNegativeNumbers(
  args: readonly string[],
  { values }: OptionNames,
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

/** The message for a flag with a value, such as `--json=no`. */
export function valueOfFlag(
  args: readonly string[],
  { flags }: OptionNames,
): string | undefined {
  const long = flags.filter((name) => name.length > 1);
  const word = beforeDashes(args).find((each) =>
    long.some((name) => each.startsWith(`--${name}=`))
  );
  return word && `${word.split("=", 1)[0]} takes no value: ${word}`;
}

/** The first option that is given twice, such as `--mode`. */
export function repeatedOption(
  args: readonly string[],
  { values }: OptionNames,
): string | undefined {
  const given = beforeDashes(args).map((word) => word.split("=", 1)[0]!);
  return values.map((name) => `--${name}`).find((option) =>
    given.indexOf(option) !== given.lastIndexOf(option)
  );
}
