/**
 * Runs Deno in place of this process without an exec: it inherits the streams,
 * receives this process's signals, and sets its exit status.
 * @module
 */

const FORWARDED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
] as const satisfies Deno.Signal[];

/** In ms; it passes only when the signal is ignored. */
const END_BY_SIGNAL_WITHIN = 5_000;

/**
 * Runs `deno` with `args`, then ends this process with the same status or
 * signal.
 */
export async function runAsThisProcess(
  args: string[],
  env: Record<string, string>,
): Promise<never> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    env,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  let ended = false;
  const handlers = FORWARDED.map((signal) => {
    const forward = () => {
      if (!ended && !arrivesByTerminal(signal)) child.kill(signal);
    };
    Deno.addSignalListener(signal, forward);
    return { signal, forward };
  });
  const { code, signal } = await child.status;
  ended = true;
  for (const each of handlers) {
    Deno.removeSignalListener(each.signal, each.forward);
  }
  if (signal !== null) {
    Deno.kill(Deno.pid, signal);
    // Another thread of Deno runs the default action of a signal without a
    // listener; exiting now would be faster than that.
    await new Promise((resolve) => setTimeout(resolve, END_BY_SIGNAL_WITHIN));
  }
  Deno.exit(code);
}

/**
 * A terminal sends SIGINT and SIGQUIT to its whole process group, so the child
 * receives them too.
 */
function arrivesByTerminal(signal: Deno.Signal): boolean {
  return (signal === "SIGINT" || signal === "SIGQUIT") &&
    Deno.stdin.isTerminal();
}
