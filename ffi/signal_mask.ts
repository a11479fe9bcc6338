/**
 * Signals around an exec. The mask of the thread that calls it survives, and a
 * signal that is blocked stays pending; handlers fall back to the default,
 * which for SIGUSR1 is death (signal(7), execve(2)).
 *
 * @module
 */
import { abi } from "./abi.ts";
import { check, OsError } from "./errno.ts";
import { libc } from "./libc.ts";

/** Signals we block and unblock. */
export type MaskedSignal =
  | "SIGHUP"
  | "SIGINT"
  | "SIGTERM"
  | "SIGUSR1"
  | "SIGUSR2";

/** A sigset_t of these signals. */
export function signalSet(
  signals: readonly MaskedSignal[],
): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array(abi.layouts.sigset_t.size);
  check(libc().sigemptyset(set), "sigemptyset");
  for (const signal of signals) {
    check(libc().sigaddset(set, abi[signal]), "sigaddset", signal);
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
  return signals.every((signal) =>
    check(libc().sigismember(mask, abi[signal]), "sigismember", signal) === 1
  );
}

/** Holds the signals back on this thread, and across an exec. */
export function blockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_BLOCK, signals);
}

/** Lets them through again; one that waited is delivered at once. */
export function unblockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_UNBLOCK, signals);
}
