import {
  blockSigusr1,
  EXECUTED_VARIABLE,
} from "../../../ffi/processes/block_signals.ts";
import {
  MANAGER_VARIABLES,
  ServiceManager,
} from "../../../ffi/systemd/service_manager.ts";
import { signalNumber } from "../../../ffi/processes/signal_numbers.ts";
import { exitLike } from "../../../supervisor/ending/exit_like.ts";
import { adoptAndReapOrphans } from "../../../supervisor/reap_orphans.ts";
import { reporter } from "../../../supervisor/report.ts";
import { Supervisor } from "../../../supervisor/supervisor.ts";
import { watchPaths } from "../../../supervisor/watch/watch_paths.ts";
import type { Command } from "../command.ts";
import { FetchedSockets } from "./fetched_sockets.ts";
import { readLaunch, splitAtDashes } from "./launch.ts";
import { listenEnvironment } from "./listen_environment.ts";
import { onSigusr1 } from "./on_sigusr1.ts";
import { readOptions } from "../options/options.ts";
import { programName } from "../program_name.ts";
import {
  readRunOptions,
  RUN_OPTIONS,
  RUN_OPTIONS_USAGE,
  type RunOptions,
} from "./run_options.ts";

const USAGE =
  `Usage: multibinder-client run [options] [NAME=]ADDR... -- COMMAND [ARGUMENT...]

Keeps COMMAND running with the sockets of the addresses, which it passes as exec
does. SIGHUP or SIGUSR2 reloads: a new COMMAND is started beside the old one, and
the old one is stopped when the new one is ready.

${RUN_OPTIONS_USAGE}
  -h, --help           print this text
  -V, --version        print the version

SIGTERM, SIGINT and SIGQUIT stop COMMAND and then end run. SIGUSR1 is sent on to
COMMAND. A COMMAND that crashes is restarted at once; if it keeps crashing, it is
restarted after pauses of 0.25, 0.5, 1, ... up to 30 s.

Exit status: that of COMMAND; 1 no sockets, 2 invalid command line, 126 COMMAND
cannot be executed, 127 COMMAND does not exist.`;

function addSignalListeners(
  signals: Partial<Record<Deno.Signal, () => void>>,
): Disposable {
  const stack = new DisposableStack();
  for (const [name, listener] of Object.entries(signals)) {
    const signal = name as Deno.Signal;
    Deno.addSignalListener(signal, listener);
    stack.defer(() => Deno.removeSignalListener(signal, listener));
  }
  return stack;
}

/** A signal ended this program before there was a COMMAND to end. */
class Interrupted {
  readonly signal: number;

  constructor(name: Deno.Signal) {
    this.signal = signalNumber(name);
  }
}

/** The sockets, or the signal that ended the wait for them. */
async function fetchSockets(
  { sockets, sock, timeout, nonblocking, socketOptions }: RunOptions,
  signal: AbortSignal,
  notice: (line: string) => void,
): Promise<FetchedSockets | Interrupted> {
  try {
    return await FetchedSockets.fetch(sockets, {
      nonblocking,
      socketOptions,
      signal,
      notice,
      ...(sock !== undefined && { sock }),
      ...(timeout !== undefined && { timeout }),
    });
  } catch (error) {
    if (signal.reason instanceof Interrupted) return signal.reason;
    throw error;
  }
}

/** Variables of `run` that are not for COMMAND. */
const NOT_PASSED: Readonly<Record<string, undefined>> = Object.fromEntries(
  [...MANAGER_VARIABLES, EXECUTED_VARIABLE].map((name) => [name, undefined]),
);

/** Supervises a COMMAND. `name` is the command whose reports these are. */
export async function run(options: RunOptions, name = "run"): Promise<number> {
  blockSigusr1();
  const { sockets, command, directory, generation, watch } = options;
  const report = reporter(`${programName()} ${name}`);
  const interruption = new AbortController();
  const started: { supervisor?: Supervisor } = {};
  const reload = (why: string) => {
    if (started.supervisor === undefined) return;
    report(`reload: ${why}`);
    // The supervisor reports why a reload fails.
    started.supervisor.reload().catch(() => {});
  };
  const stop = (name: Deno.Signal, sendOn?: Deno.Signal) => () => {
    if (started.supervisor !== undefined) started.supervisor.stop(sendOn);
    else interruption.abort(new Interrupted(name));
  };
  using _listeners = addSignalListeners({
    SIGHUP: () => reload("SIGHUP"),
    SIGUSR2: () => reload("SIGUSR2"),
    SIGTERM: stop("SIGTERM"),
    SIGINT: stop("SIGINT", "SIGINT"),
    SIGQUIT: stop("SIGQUIT", "SIGQUIT"),
  });
  using _sigusr1 = onSigusr1(() => started.supervisor?.signal("SIGUSR1"));
  using manager = ServiceManager.fromEnvironment((reason) =>
    report(`cannot notify the service manager: ${reason}`)
  );
  using _alive = manager?.keepAlive();
  const fetched = await fetchSockets(options, interruption.signal, report);
  if (fetched instanceof Interrupted) return exitLike(fetched);
  using _sockets = fetched;
  const service = {
    command,
    directory,
    descriptors: fetched.descriptors,
    environment: (changes: Readonly<Record<string, string | undefined>>) =>
      listenEnvironment(sockets, fetched.descriptors, {
        ...NOT_PASSED,
        ...options.variables,
        ...changes,
      }),
  };
  const supervisor = new Supervisor(service, generation, report, manager);
  started.supervisor = supervisor;
  using _reaping = adoptAndReapOrphans();
  using _watching = watchPaths(
    watch,
    (path) => reload(`${path} has changed`),
    (error) => report(`--watch stopped: ${error}`),
  );
  return exitLike(await supervisor.run());
}

/** The command `run`. */
export const runCommand: Command = {
  name: "run",
  usage: USAGE,
  parse: (args) => {
    const { before, command } = splitAtDashes(args);
    const given = readOptions(before, RUN_OPTIONS);
    if (given.show !== undefined) return { show: given.show };
    const options = {
      ...readRunOptions(given),
      ...readLaunch(given.operands, command),
    };
    return { run: () => run(options) };
  },
};
