import { holdBack } from "../../ffi/hold_back.ts";

/**
 * Blocks SIGUSR1 in every thread. Somebody may send it to the wrapper for
 * HAProxy's soft stop, where it would end the wrapper, and since 2.9.2 Deno opens
 * its debugger at SIGUSR1 even with a listener. Children start with no signal
 * blocked.
 *
 * @throws {OsError} when this program has to execute itself for it and cannot.
 */
export function ignoreSigusr1(): void {
  holdBack(["SIGUSR1"]);
}
