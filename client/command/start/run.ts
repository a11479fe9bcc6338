import { parseAddress } from "../../../address.ts";
import {
  ownVariables,
  withstandSignals,
} from "../../../ffi/processes/block_signals.ts";
import {
  MANAGER_VARIABLES,
  ServiceManager,
} from "../../../ffi/systemd/service_manager.ts";
import { signalNumber } from "../../../ffi/processes/signal_numbers.ts";
import { onSignals } from "../../../ffi/processes/signal_listeners.ts";
import { exitLike } from "../../../supervisor/ending/exit_like.ts";
import { adoptAndReapOrphans } from "../../../supervisor/reap_orphans.ts";
import { reporter } from "../../../supervisor/report.ts";
import type { Service } from "../../../supervisor/service.ts";
import { Supervisor } from "../../../supervisor/supervisor.ts";
import { watchPaths } from "../../../supervisor/watch/watch_paths.ts";
import type { Command } from "../command.ts";
import { readLaunch, splitAtDashes } from "./launch.ts";
import { listenEnvironment } from "./listen_environment.ts";
import { onSigusr1 } from "./on_sigusr1.ts";
import { ShardedSockets } from "./sharded_sockets.ts";
import { readOptions } from "../options/options.ts";
import { UsageError } from "../../../given_options.ts";
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

SIGTERM, SIGINT and SIGQUIT stop COMMAND and then end run. A second one kills
COMMAND at once. SIGUSR1 is sent on to COMMAND, once it is ready. A COMMAND that
crashes is restarted at once; if it keeps crashing, it is restarted after pauses of
0.25, 0.5, 1, ... up to 30 s.

Exit status: that of COMMAND; 1 no sockets, 2 invalid command line, 126 COMMAND
cannot be executed, 127 COMMAND does not exist.`;

/** A signal ended this program before there was a COMMAND to end. */
class Interrupted {
  readonly signal: number;

  constructor(name: Deno.Signal) {
    this.signal = signalNumber(name);
  }
}

/** The sockets, or the signal that ended the wait for them. */
async function fetchSockets(
  options: RunOptions,
  signal: AbortSignal,
  notice: (line: string) => void,
): Promise<ShardedSockets | Interrupted> {
  const { sockets, sock, timeout, nonblocking, socketOptions, workers } =
    options;
  try {
    return await ShardedSockets.fetch(workers, signal, {
      sockets,
      fetch: {
        nonblocking,
        socketOptions,
        notice,
        sock,
        timeout,
      },
      service: (index, descriptors) => serviceWith(options, index, descriptors),
    });
  } catch (error) {
    if (signal.reason instanceof Interrupted) return signal.reason;
    throw error;
  }
}

/** Variables of `run` that are not for COMMAND. */
function notPassed(): Readonly<Record<string, undefined>> {
  const names = [...MANAGER_VARIABLES, ...ownVariables()];
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

/** The COMMAND of a worker. */
function serviceWith(
  { sockets, command, directory, user, variables }: RunOptions,
  index: number,
  descriptors: readonly number[],
): Service {
  return {
    command,
    directory,
    user,
    descriptors,
    environment: (changes) =>
      listenEnvironment(sockets, descriptors, {
        ...notPassed(),
        ...variables,
        MULTIBINDER_WORKER: String(index),
        ...changes,
      }),
  };
}

/** Supervises a COMMAND. `name` is the command whose reports these are. */
export async function run(options: RunOptions, name = "run"): Promise<number> {
  withstandSignals();
  const { generation, watch, workers = 1 } = options;
  const report = reporter(`${programName()} ${name}`);
  const interruption = new AbortController();
  const started: { supervisor?: Supervisor } = {};
  const reload = (why: string) => {
    if (started.supervisor === undefined) return;
    report(`reload: ${why}`);
    // The supervisor reports why a reload fails.
    started.supervisor.reload().catch(() => {});
  };
  let isStopping = false;
  const stop = (signal: Deno.Signal) => {
    if (started.supervisor !== undefined) {
      if (isStopping) {
        report(`killed: ${signal} has arrived during the stop`);
        return started.supervisor.kill();
      }
      isStopping = true;
      // SIGTERM becomes the signal of --stop-signal.
      started.supervisor.stop(signal === "SIGTERM" ? undefined : signal);
    } else interruption.abort(new Interrupted(signal));
  };
  using _reloads = onSignals(["SIGHUP", "SIGUSR2"], reload);
  using _sizes = onSignals(
    ["SIGTTIN", "SIGTTOU"],
    (signal) => started.supervisor?.resize(signal === "SIGTTIN" ? 1 : -1),
  );
  using _stops = onSignals(["SIGTERM", "SIGINT", "SIGQUIT"], stop);
  using _sigusr1 = onSigusr1(() => started.supervisor?.signal("SIGUSR1"));
  using manager = ServiceManager.fromEnvironment((reason) =>
    report(`cannot notify the service manager: ${reason}`)
  );
  using _alive = manager?.keepAlive();
  const fetched = await fetchSockets(options, interruption.signal, report);
  if (fetched instanceof Interrupted) return exitLike(fetched);
  using _sockets = fetched;
  const supervisor = new Supervisor(
    fetched,
    workers,
    generation,
    report,
    manager,
  );
  started.supervisor = supervisor;
  using _reaping = adoptAndReapOrphans();
  using _watching = watchPaths(
    watch,
    (path) => reload(`${path} has changed`),
    (error) => report(`--watch stopped: ${error}`),
  );
  return exitLike(await supervisor.run());
}

/** `--ready tcp` and `--ready http:/PATH` connect to the first such socket. */
function checkProbedSocket({ sockets, generation }: RunOptions): void {
  const { kind } = generation.ready;
  if (kind !== "tcp" && kind !== "http") return;
  const kinds = sockets.map(({ address }) => parseAddress(address).kind);
  if (kinds.some((each) => each === "tcp" || each === "unix")) return;
  throw new UsageError(
    `--ready ${kind} needs a TCP or UNIX stream socket among the addresses`,
  );
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
    checkProbedSocket(options);
    return { run: () => run(options) };
  },
};
