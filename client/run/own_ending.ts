import { type Ending, sendSignal } from "../../ffi/child_process.ts";
import { setDefaultDisposition } from "../../ffi/default_signals.ts";
import { processId } from "../../ffi/process.ts";
import { signalNumber } from "../../ffi/signal_numbers.ts";

/** Ends that a service manager takes for an orderly one. */
const ORDERLY: ReadonlySet<number> = new Set([
  signalNumber("SIGTERM"),
  signalNumber("SIGINT"),
]);

/**
 * The exit status that tells of a program's ending: its exit code, or 128 and
 * the signal's number. One that ended by SIGTERM or SIGINT, which it was sent
 * to end it, is told of as well as can be: by the same signal, which systemd
 * takes for success.
 */
export function endLike(ending: Ending): number {
  if ("code" in ending) return ending.code;
  if (ORDERLY.has(ending.signal)) {
    setDefaultDisposition(ending.signal);
    // Process 1 gets no signal that it does not handle.
    sendSignal(processId(), ending.signal);
  }
  return 128 + ending.signal;
}
