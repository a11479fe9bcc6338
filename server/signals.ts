/**
 * The signals of the daemon. They are blocked in every thread and read from a
 * signalfd(2): docs/upgrades.md, "Signals", explains why.
 *
 * @module
 */
import { blockInEveryThread } from "../ffi/processes/block_signals.ts";
import { ignoreSignal } from "../ffi/processes/default_signals.ts";
import type { MaskedSignal } from "../ffi/processes/signal_mask.ts";
import { ignoredSignals } from "./reexec/ignored_signals.ts";

/** The signals that the daemon acts on. */
export const SIGNALS: readonly MaskedSignal[] = [
  "SIGHUP",
  "SIGUSR1",
  "SIGTERM",
  "SIGINT",
];

/**
 * Blocks the signals in every thread. The first generation executes itself once
 * to do so; later generations inherit the mask. Ignores others.
 *
 * @throws {OsError} if this program cannot be executed.
 * @throws {UnsupportedPlatformError} if the mask does not survive the exec.
 */
export function blockSignals(): void {
  for (const signal of ignoredSignals()) ignoreSignal(signal);
  blockInEveryThread(SIGNALS);
}
