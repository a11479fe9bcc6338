/**
 * Resets signals to the state that a new program expects: none blocked, none
 * ignored. An exec resets only handlers (signal(7)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { setAction, setDefaultDisposition } from "./signal_action.ts";
import { signalSet } from "./signal_mask.ts";
import { signalNumber } from "./signal_numbers.ts";

/** SIGRTMAX. */
const LAST = 64;

/**
 * Signals that a process cannot handle, and signals that glibc reserves for
 * threads.
 */
const UNTOUCHABLE: ReadonlySet<number> = new Set([
  signalNumber("SIGKILL"),
  signalNumber("SIGSTOP"),
  32,
  33,
]);

const SIGNALS = Array.from({ length: LAST }, (_, index) => index + 1)
  .filter((signal) => !UNTOUCHABLE.has(signal));

function setMask(mask: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const before = new Uint8Array(mask.length);
  const errno = libc().pthread_sigmask(abi.SIG_SETMASK, mask, before);
  if (errno !== 0) throw new OsError("pthread_sigmask", errno);
  return before;
}

/**
 * Runs `action`, an exec, with every signal at its default action and none
 * blocked on this thread. Restores the signals if `action` throws.
 */
export function withDefaultSignals<T>(action: () => T): T {
  const handlers = SIGNALS.map((signal) => ({
    signal,
    handler: setDefaultDisposition(signal),
  }));
  const mask = setMask(signalSet([]));
  try {
    return action();
  } finally {
    setMask(mask);
    for (const { signal, handler } of handlers) setAction(signal, handler);
  }
}
