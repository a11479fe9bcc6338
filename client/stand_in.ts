/**
 * What stands in for Deno's own listener where a socket cannot be put under
 * it.
 *
 * @module
 */
import { AdoptionError } from "../ffi/adopt.ts";

const told = new Set<string>();

/**
 * What `native` returns; where the adoption fails, what `standIn` returns, and
 * a line on standard error that says why, once in a program.
 */
export function orStandIn<T>(
  native: () => T,
  standIn: () => T,
  names: { native: string; standIn: string },
): T {
  try {
    return native();
  } catch (error) {
    if (!(error instanceof AdoptionError)) throw error;
    if (!told.has(names.native)) {
      told.add(names.native);
      console.warn(
        `multibinder: ${names.native} cannot use the shared socket (${error.message}); ${names.standIn} does`,
      );
    }
    return standIn();
  }
}
