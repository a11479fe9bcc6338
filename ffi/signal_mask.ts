/**
 * The signal mask of this thread. It is the one thing about signals that
 * survives an exec: handlers fall back to the default, which for SIGUSR1 is
 * death, but a signal that is blocked stays pending (signal(7), execve(2)).
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

function change(how: number, signals: readonly MaskedSignal[]): void {
  const set = new Uint8Array(abi.layouts.sigset_t.size);
  check(libc().sigemptyset(set), "sigemptyset");
  for (const signal of signals) {
    check(libc().sigaddset(set, abi[signal]), "sigaddset", signal);
  }
  const before = new Uint8Array(set.length);
  const errno = libc().pthread_sigmask(how, set, before);
  if (errno !== 0) throw new OsError("pthread_sigmask", errno);
}

/** Holds the signals back on this thread, and across an exec. */
export function blockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_BLOCK, signals);
}

/** Lets them through again; one that waited is delivered at once. */
export function unblockSignals(signals: readonly MaskedSignal[]): void {
  change(abi.SIG_UNBLOCK, signals);
}
