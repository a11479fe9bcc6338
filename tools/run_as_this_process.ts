/**
 * Runs Deno in the place of this process, as near as that can be had without
 * exec: same streams, signals handed on, same ending.
 * @module
 */

const HANDED_ON = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
] as const satisfies Deno.Signal[];

/** In ms; only an ignored signal leaves it to pass. */
const END_BY_SIGNAL_WITHIN = 5_000;

/** Runs `deno` with `args`, and ends this process the way that one ended. */
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
  const handlers = HANDED_ON.map((signal) => {
    const handOn = () => {
      if (!ended && !arrivesByTerminal(signal)) child.kill(signal);
    };
    Deno.addSignalListener(signal, handOn);
    return { signal, handOn };
  });
  const { code, signal } = await child.status;
  ended = true;
  for (const each of handlers) {
    Deno.removeSignalListener(each.signal, each.handOn);
  }
  if (signal !== null) {
    Deno.kill(Deno.pid, signal);
    // Deno hands a signal that nobody listens to any more on to the default
    // action on a thread of its own: exiting now would forestall it.
    await new Promise((resolve) => setTimeout(resolve, END_BY_SIGNAL_WITHIN));
  }
  Deno.exit(code);
}

/** A terminal sends its keys' signals to every process of the group: the child has it too. */
function arrivesByTerminal(signal: Deno.Signal): boolean {
  return (signal === "SIGINT" || signal === "SIGQUIT") &&
    Deno.stdin.isTerminal();
}
