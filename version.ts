import { UnsupportedPlatformError } from "./ffi/libc/abi.ts";
import { isOlder } from "./ffi/libc/deno_version.ts";

/** The version of the three packages, as `status` and `-V` report it. */
export const VERSION = "0.1.0";

/** The oldest Deno that runs this release; docs/compatibility.md says why. */
export const OLDEST_DENO = "2.5.7";

/**
 * Refuses a Deno that is too old, before anything else is done: a program ends
 * with one line and status 1.
 *
 * @param isProgram whether the module was run, not imported
 * @throws {UnsupportedPlatformError} where it was imported.
 */
export function requireSupportedDeno(isProgram: boolean): void {
  if (!isOlder(OLDEST_DENO)) return;
  const message =
    `multibinder needs Deno ${OLDEST_DENO} or newer; this is Deno ${Deno.version.deno}`;
  if (!isProgram) throw new UnsupportedPlatformError(message);
  console.error(message);
  Deno.exit(1);
}
