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

/**
 * Runs `action`, an exec, while the signals have their default disposition,
 * which the exec gives them anyway: another thread that takes one now ends the
 * process, where our handler would note it for a program that is about to be
 * gone. If `action` returns or throws, the handlers are back.
 */
export function withDefaultDisposition<T>(
  signals: readonly MaskedSignal[],
  action: () => T,
): T {
  const { size } = abi.layouts.sigaction;
  const fallback = new Uint8Array(size);
  const handlers = signals.map((signal) => {
    const handler = new Uint8Array(size);
    check(
      libc().sigaction(abi[signal], fallback, handler),
      "sigaction",
      signal,
    );
    return { signal, handler };
  });
  try {
    return action();
  } finally {
    for (const { signal, handler } of handlers) {
      check(
        libc().sigaction(abi[signal], handler, fallback),
        "sigaction",
        signal,
      );
    }
  }
}
