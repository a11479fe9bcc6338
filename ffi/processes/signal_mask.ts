/**
 * Signals around an exec. The mask of the thread that calls it survives, and a
 * signal that is blocked stays pending; handlers fall back to the default,
 * which for SIGUSR1 is death (signal(7), execve(2)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";

/** Signals we block and unblock. */
export type MaskedSignal =
  | "SIGHUP"
  | "SIGINT"
  | "SIGTERM"
  | "SIGUSR1"
  | "SIGUSR2";

/** A sigset_t of these signals: signal 1 is the lowest bit of the first byte. */
export function signalSet(
  signals: readonly MaskedSignal[],
): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array(abi.layouts.sigset_t.size);
  for (const signal of signals) {
    const bit = abi[signal] - 1;
    set[bit >> 3]! |= 1 << (bit & 7);
  }
  return set;
}

/** Changes the mask and returns the one before. */
function change(
  how: number,
  signals: readonly MaskedSignal[],
): Uint8Array<ArrayBuffer> {
  const before = new Uint8Array(abi.layouts.sigset_t.size);
  const errno = libc().pthread_sigmask(how, signalSet(signals), before);
  if (errno !== 0) throw new OsError("pthread_sigmask", errno);
  return before;
}

/** Whether this thread holds all of the signals back. */
export function areBlocked(signals: readonly MaskedSignal[]): boolean {
  const mask = change(abi.SIG_BLOCK, []);
  return signals.every((signal) => {
    const bit = abi[signal] - 1;
    return (mask[bit >> 3]! & (1 << (bit & 7))) !== 0;
  });
}

/**
 * Blocks the signals on the calling thread, and only there
 * (pthread_sigmask(3)). Deno has other threads, and until an exec one of them
 * can take a signal: with a listener of `Deno.addSignalListener` Deno then
 * notes the signal, and an exec that comes first loses it; without a listener
 * the signal has its default effect.
 *
 * After an exec, such as that of {@linkcode reexec}, the signals are blocked in
 * every thread of the new program, because its threads inherit the mask of the
 * thread that executed it. A signal then stays pending until
 * {@linkcode unblockSignals}, and is not lost.
 *
 * So call it directly before `reexec`, with the listener still in place: what
 * can be lost is a signal that arrives in the moment between the two calls. A
 * sender that cannot afford that sends the signal again until it sees the new
 * program.
 *
 * @throws {OsError} when the mask cannot be changed.
 */
export function blockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_BLOCK, signals);
}

/**
 * Unblocks the signals on the calling thread; a signal that is pending is
 * delivered at once. Add the listeners first: a signal without a listener has
 * its default effect, which is the end of the program. Threads that were there
 * before go on blocking the signals, which does not matter to listeners.
 *
 * @throws {OsError} when the mask cannot be changed.
 */
export function unblockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_UNBLOCK, signals);
}
