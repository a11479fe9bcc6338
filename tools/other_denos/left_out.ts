/**
 * The tests that another Deno does not run.
 * @module
 */

/** By file, the names of tests, and why each is left out. */
export type LeftOut = Readonly<
  Record<string, Readonly<Record<string, string>>>
>;

/** Prints the tests of `files` that are left out. */
export function printLeftOut(all: LeftOut, files: readonly string[]): void {
  for (const file of files) {
    for (const [name, reason] of Object.entries(all[file] ?? {})) {
      console.log(`left out: ${file}: ${name} (${reason})`);
    }
  }
}
