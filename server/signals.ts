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
import { holdBack } from "../ffi/hold_back.ts";
import type { MaskedSignal } from "../ffi/signal_mask.ts";

/** The signals that the daemon acts on. */
export const SIGNALS: readonly MaskedSignal[] = [
  "SIGHUP",
  "SIGUSR1",
  "SIGTERM",
  "SIGINT",
];

/**
 * Has every thread of this process hold the signals back; a re-exec passes
 * that on.
 *
 * @throws {OsError} when it takes another start and that fails.
 */
export function holdSignalsBack(): void {
  holdBack(SIGNALS);
}
