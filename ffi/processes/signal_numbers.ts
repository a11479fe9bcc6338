/**
 * The numbers of signals, which x86_64 and aarch64 share (signal(7)).
 *
 * @module
 */

// The first is 1.
const NAMES: readonly Deno.Signal[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGILL",
  "SIGTRAP",
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGKILL",
  "SIGUSR1",
  "SIGSEGV",
  "SIGUSR2",
  "SIGPIPE",
  "SIGALRM",
  "SIGTERM",
  "SIGSTKFLT",
  "SIGCHLD",
  "SIGCONT",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGPWR",
  "SIGSYS",
];

/**
 * The number of a signal; throws a TypeError for a signal that Linux does not
 * have.
 */
export function signalNumber(signal: Deno.Signal): number {
  const index = NAMES.indexOf(signal === "SIGPOLL" ? "SIGIO" : signal);
  if (index === -1) {
    throw new TypeError(`Linux does not have the signal ${signal}`);
  }
  return index + 1;
}

/** The signal of a number, or `undefined` for a real-time one. */
export function signalName(number: number): Deno.Signal | undefined {
  return NAMES[number - 1];
}
