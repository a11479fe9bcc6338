/**
 * The signals of the daemon. They are blocked in every thread and read from a
 * signalfd(2): docs/upgrades.md, "Signals", explains why.
 *
 * @module
 */
import { blockInEveryThread } from "../ffi/processes/block_signals.ts";
import { ignoreSignal } from "../ffi/processes/signal_action.ts";
import type { MaskedSignal } from "../ffi/processes/signal_mask.ts";
import { signalNumber } from "../ffi/processes/signal_numbers.ts";

/** The signals that the daemon acts on. */
export const SIGNALS: readonly MaskedSignal[] = [
  "SIGHUP",
  "SIGUSR1",
  "SIGTERM",
  "SIGINT",
];

/**
 * Signals that would end or stop the daemon. SIGXFSZ: a write over RLIMIT_FSIZE,
 * such as a line of the log. SIGUSR2: what reloads `run` and the HAProxy wrapper.
 * SIGTTOU: a line on a terminal with `stty tostop`, of a daemon in the background.
 */
export const IGNORED = ["SIGXFSZ", "SIGUSR2", "SIGTTOU"] as const;

/**
 * Blocks the signals in every thread. The first generation executes itself once
 * to do so; later generations inherit the mask. Ignores others.
 *
 * @throws {OsError} if this program cannot be executed.
 * @throws {UnsupportedPlatformError} if the mask does not survive the exec.
 */
export function blockSignals(): void {
  for (const signal of IGNORED) ignoreSignal(signalNumber(signal));
  blockInEveryThread(SIGNALS);
}
