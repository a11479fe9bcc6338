/**
 * The tests that another Deno does not run.
 * @module
 */

/** By file, the names of tests, and why each is left out. */
export type LeftOut = Readonly<
  Record<string, Readonly<Record<string, string>>>
>;

/** Files of tests that another Deno does not run, and why. */
export type Skipped = Readonly<Record<string, string>>;

/**
 * The files of `selected` without those of `skipped`.
 *
 * @throws {Error} when a file of `skipped` is not among them.
 */
export function without(
  skipped: Skipped,
  selected: readonly string[],
): string[] {
  for (const file of Object.keys(skipped)) {
    if (!selected.includes(file)) throw new Error(`${file} is not selected`);
  }
  return selected.filter((file) => !(file in skipped));
}

/** Prints the tests of `files` that are left out. */
export function printLeftOut(all: LeftOut, files: readonly string[]): void {
  for (const file of files) {
    for (const [name, reason] of Object.entries(all[file] ?? {})) {
      console.log(`left out: ${file}: ${name} (${reason})`);
    }
  }
}
