import { UnsupportedPlatformError } from "./ffi/libc/abi.ts";

/** The version of the three packages, as `status` and `-V` report it. */
export const VERSION = "0.1.0";

/** The oldest Deno that runs this release; docs/compatibility.md says why. */
export const OLDEST_DENO = "2.5.7";

function isOlder(version: string, than: string): boolean {
  const numbers = (text: string) => text.split(/[.+-]/).map(Number);
  const [given, least] = [numbers(version), numbers(than)];
  const at = least.findIndex((each, index) => each !== given[index]);
  return at !== -1 && given[at]! < least[at]!;
}

/**
 * Refuses a Deno that is too old, before anything else is done: a program ends
 * with one line and status 1.
 *
 * @param isProgram whether the module was run, not imported
 * @throws {UnsupportedPlatformError} where it was imported.
 */
export function requireSupportedDeno(
  isProgram: boolean,
  running: string = Deno.version.deno,
): void {
  if (!isOlder(running, OLDEST_DENO)) return;
  const message =
    `multibinder needs Deno ${OLDEST_DENO} or newer; this is Deno ${running}`;
  if (!isProgram) throw new UnsupportedPlatformError(message);
  console.error(message);
  Deno.exit(1);
}
