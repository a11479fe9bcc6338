/**
 * Blocks signals across an exec. The mask of the calling thread survives, and a
 * blocked signal stays pending. Handlers are reset to the default action, which
 * for SIGUSR1 ends the process (signal(7), execve(2)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { signalNumber } from "./signal_numbers.ts";

/** Signals that can be blocked here. */
export type MaskedSignal =
  | "SIGHUP"
  | "SIGINT"
  | "SIGTERM"
  | "SIGUSR1"
  | "SIGUSR2";

/** A sigset_t of these signals: signal 1 is the lowest bit of the first byte. */
export function signalSet(
  signals: readonly Deno.Signal[],
): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array(abi.layouts.sigset_t.size);
  for (const signal of signals) {
    const bit = signalNumber(signal) - 1;
    set[bit >> 3]! |= 1 << (bit & 7);
  }
  return set;
}

/** Changes the mask and returns the previous one. */
function change(
  how: number,
  signals: readonly MaskedSignal[],
): Uint8Array<ArrayBuffer> {
  const before = new Uint8Array(abi.layouts.sigset_t.size);
  const errno = libc().pthread_sigmask(how, signalSet(signals), before);
  if (errno !== 0) throw new OsError("pthread_sigmask", errno);
  return before;
}

/** Whether this thread blocks all of the signals. */
export function areBlocked(signals: readonly MaskedSignal[]): boolean {
  const mask = change(abi.SIG_BLOCK, []);
  return signals.every((signal) => {
    const bit = signalNumber(signal) - 1;
    return (mask[bit >> 3]! & (1 << (bit & 7))) !== 0;
  });
}

/**
 * Block signals on the calling thread only (pthread_sigmask(3)). Until an exec,
 * another thread of Deno can receive a signal. With a listener of
 * `Deno.addSignalListener`, Deno queues the signal for the listener, and an
 * exec loses the queued signal. Without a listener the signal has its default
 * action.
 *
 * After an exec, such as that of {@linkcode reexec}, the signals are blocked in
 * every thread of the new program, because its threads inherit the mask of the
 * thread that executed it. A signal then stays pending until
 * {@linkcode unblockSignals}, and is not lost.
 *
 * So call it directly before `reexec`, with the listener still in place. Only a
 * signal that arrives between the two calls can be lost. A sender can repeat
 * the signal until the new program runs.
 *
 * @throws {OsError} when the mask cannot be changed.
 */
export function blockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_BLOCK, signals);
}

/**
 * Unblock signals on the calling thread; a pending signal is delivered
 * immediately. Add the listeners first: without a listener the signal has its
 * default action and ends the program. Existing threads still block the
 * signals, which does not affect listeners.
 *
 * @throws {OsError} when the mask cannot be changed.
 */
export function unblockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_UNBLOCK, signals);
}
