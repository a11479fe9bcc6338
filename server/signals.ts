/**
 * The signals that the daemon acts on, as a descriptor of its event loop.
 *
 * Deno's own listeners will not do. Since 2.9.2 Deno opens its debugger on
 * 127.0.0.1:9229 at SIGUSR1, listener or not, where anyone on the machine can
 * take over the program; and a signal that one of Deno's threads has noted is
 * lost with an exec. Where the signals are blocked in every thread, Deno never
 * sees them, and they stay pending across an exec.
 *
 * @module
 */
import { blockInEveryThread } from "../ffi/processes/block_signals.ts";
import type { MaskedSignal } from "../ffi/processes/signal_mask.ts";

/** The signals that the daemon acts on. */
export const SIGNALS: readonly MaskedSignal[] = [
  "SIGHUP",
  "SIGUSR1",
  "SIGTERM",
  "SIGINT",
];

/**
 * Blocks the signals in every thread: the first generation executes itself
 * once for that, a re-exec passes the mask on.
 *
 * @throws {OsError} when this program cannot be executed.
 * @throws {UnsupportedPlatformError} when the mask does not survive that.
 */
export function holdSignalsBack(): void {
  blockInEveryThread(SIGNALS);
}
