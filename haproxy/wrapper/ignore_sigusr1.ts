/**
 * SIGUSR1, which somebody may send to the wrapper for HAProxy's soft stop.
 * Since 2.9.2 Deno opens its debugger at SIGUSR1 even with a listener, and
 * before its handler is in place the signal would end the wrapper.
 *
 * @module
 */
import { blockInEveryThread } from "../../ffi/processes/block_signals.ts";

/**
 * Blocks SIGUSR1 in every thread: the wrapper executes itself once for that.
 * Children start with no signal blocked.
 *
 * @throws {OsError} when this program cannot be executed.
 * @throws {UnsupportedPlatformError} when the mask does not survive that.
 */
export function ignoreSigusr1(): void {
  blockInEveryThread(["SIGUSR1"]);
}
