/**
 * Signals around an exec. The mask of the thread that calls it survives, and a
 * signal that is blocked stays pending; handlers fall back to the default,
 * which for SIGUSR1 is death (signal(7), execve(2)).
 *
 * @module
 */
import { abi } from "./abi.ts";
import { OsError } from "./errno.ts";
import { libc } from "./libc.ts";

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

/** Holds the signals back on this thread, and across an exec. */
export function blockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_BLOCK, signals);
}

/** Lets them through again; one that waited is delivered at once. */
export function unblockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_UNBLOCK, signals);
}
