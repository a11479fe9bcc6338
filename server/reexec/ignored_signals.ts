import { signalNumber } from "../../ffi/processes/signal_numbers.ts";

/**
 * Signals that would end or stop the daemon. SIGXFSZ: a write over RLIMIT_FSIZE,
 * such as a line of the log. SIGUSR2: what reloads `run` and the HAProxy wrapper.
 * SIGTTOU: a line on a terminal with `stty tostop`, of a daemon in the background.
 */
const IGNORED = ["SIGXFSZ", "SIGUSR2", "SIGTTOU"] as const;

/** The numbers of the signals that the daemon ignores, also after an exec. */
export function ignoredSignals(): number[] {
  return IGNORED.map(signalNumber);
}
