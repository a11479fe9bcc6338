/**
 * SIGUSR1 sent to the wrapper, by mistake for HAProxy's soft stop, is held
 * back for good. Since 2.9.2 Deno opens its debugger at SIGUSR1, listener or
 * not, and before its handler is in place the signal would end the wrapper.
 *
 * @module
 */
import { holdBack } from "../ffi/hold_back.ts";

/**
 * Has every thread hold SIGUSR1 back. Children start with nothing blocked.
 *
 * @throws {OsError} when it takes another start and that fails.
 */
export function ignoreStraySignal(): void {
  holdBack(["SIGUSR1"]);
}
