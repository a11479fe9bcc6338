/**
 * The message for a name that does not exist, with the name that was probably
 * meant.
 *
 * @module
 */

/** The number of letters to insert, delete, replace or swap with the next one. */
function distance(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const isSwapped = one[i - 1] === other[j - 2] &&
        one[i - 2] === other[j - 1];
      row[j] = Math.min(
        rows[i - 1]![j]! + 1,
        row[j - 1]! + 1,
        rows[i - 1]![j - 1]! + (isSame ? 0 : 1),
        isSwapped ? rows[i - 2]![j - 2]! + 1 : Infinity,
      );
    }
    rows.push(row);
  }
  return rows[one.length]![other.length]!;
}

/**
 * `unknown command lst: did you mean list?`
 *
 * @param what such as `command` or `option`
 */
export function unknownName(
  what: string,
  name: string,
  known: readonly string[],
): string {
  if (name === "") return `unknown ${what} ""`;
  const near = known.map((each) => ({ each, far: distance(name, each) }))
    .filter(({ each, far }) => far <= Math.min(2, each.length / 2))
    .sort((one, other) => one.far - other.far)[0];
  const suggestion = near === undefined ? "" : `: did you mean ${near.each}?`;
  return `unknown ${what} ${name}${suggestion}`;
}

/**
 * As {@linkcode unknownName}, for an option as it was written.
 *
 * @param argument such as `--jsn=1`
 * @param known names without hyphens
 */
export function unknownOption(
  argument: string,
  known: readonly string[],
): string {
  const [name = ""] = argument.split("=");
  const letter = name.slice(1).toLowerCase();
  const written = known
    // Every letter is near to every other one.
    .filter((each) => each.length > 1 || each.toLowerCase() === letter)
    .map((each) => each.length === 1 ? `-${each}` : `--${each}`);
  return unknownName("option", name, written);
}
