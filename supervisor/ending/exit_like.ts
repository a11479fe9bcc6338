import { type Ending, sendSignal } from "../../ffi/processes/child_process.ts";
import { setDefaultDisposition } from "../../ffi/processes/signal_action.ts";
import { processId } from "../../ffi/processes/process.ts";
import { signalNumber } from "../../ffi/processes/signal_numbers.ts";

/** Signals after which systemd counts the end of a service as a success. */
const CLEAN: ReadonlySet<number> = new Set([
  signalNumber("SIGTERM"),
  signalNumber("SIGINT"),
]);

/**
 * The exit status for a program that ended like this: its exit code, or 128 and
 * the signal's number. After SIGTERM or SIGINT this process ends itself by the
 * same signal, since a service manager takes 143 for a failure.
 */
export function exitLike(ending: Ending): number {
  if ("code" in ending) return ending.code;
  if (CLEAN.has(ending.signal)) {
    setDefaultDisposition(ending.signal);
    // Has no effect in process 1, where the default disposition is to ignore
    // the signal (pid_namespaces(7)).
    sendSignal(processId(), ending.signal);
  }
  return 128 + ending.signal;
}
