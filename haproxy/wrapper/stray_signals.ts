import type { Ending } from "../../ffi/processes/child_process.ts";
import { signalNumber } from "../../ffi/processes/signal_numbers.ts";
import { NotReadyError } from "../../supervisor/errors.ts";
import { formatEnding, type Report } from "../../supervisor/report.ts";
import { RejectedError } from "../configuration/check.ts";

/**
 * Signals for the wrapper that `systemctl kill` sends to every process of the
 * service. HAProxy handles them once it has read its configuration; until then, and
 * during `haproxy -c`, they end it.
 */
const STRAY: ReadonlySet<number> = new Set([
  signalNumber("SIGHUP"),
  signalNumber("SIGUSR1"),
  signalNumber("SIGUSR2"),
]);

/**
 * How often to repeat. systemd looks for processes that have started since until it
 * finds none, so a repeated start may get the signal too.
 */
const MAX_REPEATS = 10;

function isStray(ending: Ending): boolean {
  return "signal" in ending && STRAY.has(ending.signal);
}

/**
 * Performs `start`, which runs a HAProxy. Repeats it if a signal for the wrapper has
 * ended that HAProxy: the signal says nothing about the configuration.
 *
 * @param stopped prevents a repetition
 */
export async function despiteStraySignals<T>(
  start: () => Promise<T>,
  stopped: AbortSignal,
  report: Report,
): Promise<T> {
  for (let repeats = 0;; repeats++) {
    try {
      return await start();
    } catch (error) {
      const ending = error instanceof RejectedError ||
          error instanceof NotReadyError
        ? error.ending
        : { code: 0 };
      const isOver = stopped.aborted || repeats === MAX_REPEATS;
      if (isOver || !isStray(ending)) throw error;
      report(
        `a signal for the wrapper ended a HAProxy that was starting (${
          formatEnding(ending)
        }): starting it again`,
      );
    }
  }
}
