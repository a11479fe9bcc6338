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
import {
  DEFAULT_MAX_DRAINING,
  type DrainLimits,
} from "../../../supervisor/ending/draining.ts";
import type { GenerationOptions } from "../../../supervisor/generation.ts";
import type { ReadyWhen } from "../../../supervisor/readiness.ts";
import { adoptAndReapOrphans } from "../../../supervisor/reap_orphans.ts";
import { reporter } from "../../../supervisor/report.ts";
import { Supervisor } from "../../../supervisor/supervisor.ts";
import { watchPaths } from "../../../supervisor/watch/watch_paths.ts";
import type { Command } from "../command.ts";
import { readDrainTimeout, readMaxDraining } from "../options/drain_limits.ts";
import { readDuration } from "../options/duration.ts";
import { FetchedSockets } from "./fetched_sockets.ts";
import { type Launch, readLaunch, splitAtDashes } from "./launch.ts";
import { listenEnvironment } from "./listen_environment.ts";
import { onSigusr1 } from "./on_sigusr1.ts";
import { readOptions } from "../options/options.ts";
import { programName } from "../program_name.ts";
import {
  type CommandSocketOptions,
  readSocketOptions,
  SOCKET_OPTIONS,
  SOCKET_OPTIONS_USAGE,
} from "../options/socket_options.ts";
import { UsageError } from "../options/usage_error.ts";

const USAGE =
  `Usage: multibinder-client run [options] [NAME=]ADDR... -- COMMAND [ARGUMENT...]

Keeps COMMAND running with the sockets of the addresses, which it passes as exec
does. SIGHUP or SIGUSR2 reloads: a new COMMAND is started beside the old one, and
the old one is stopped when the new one is ready.

  --chdir DIR          the working directory of COMMAND, resolved at each start: a
                       symbolic link to the current release may be repointed
  --ready notify       COMMAND is ready once it sends READY=1 to NOTIFY_SOCKET
                       (sd_notify(3))
  --ready delay:2s     COMMAND is ready once it has run for two seconds
  --ready auto:2s      the default: like notify if COMMAND sends anything to
                       NOTIFY_SOCKET within two seconds, else like delay
  --ready-timeout 60s  kill COMMAND if it does not send READY=1 in this time
  --stop-signal TERM   the signal that asks COMMAND to end
  --grace 30s          kill COMMAND if it does not end in this time after a stop
  --max-draining 8     how many replaced COMMANDs may finish their connections at
                       the same time; the oldest is ended when there is one more
  --drain-timeout 30s  how long a replaced COMMAND may take to end; never: no
                       limit; default: that of --grace
  --watch PATH         reload when the file or directory changes; repeatable
  --nonblock           set O_NONBLOCK, which affects every process that has the
                       sockets
${SOCKET_OPTIONS_USAGE}
  --timeout 10s        how long to wait for the daemon
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text
  -V, --version        print the version

SIGTERM, SIGINT and SIGQUIT stop COMMAND and then end run. SIGUSR1 is sent on to
COMMAND. A COMMAND that crashes is restarted at once; if it keeps crashing, it is
restarted after pauses of 0.25, 0.5, 1, ... up to 30 s.

Exit status: that of COMMAND; 1 no sockets, 2 invalid command line, 126 COMMAND
cannot be executed, 127 COMMAND does not exist.`;

interface RunOptions extends Launch {
  sock: string | undefined;
  timeout: number | undefined;
  nonblocking: boolean;
  socketOptions: CommandSocketOptions;
  generation: GenerationOptions & DrainLimits;
  watch: readonly string[];
  directory: string | undefined;
}

const DEFAULT_DELAY = 2_000;
const DEFAULT_READY_TIMEOUT = 60_000;
const DEFAULT_GRACE = 30_000;

function readReady(text: string): ReadyWhen {
  if (text === "notify") return { kind: "notify" };
  const [, kind, duration] = /^(auto|delay)(?::(.*))?$/.exec(text) ?? [];
  if (kind !== "auto" && kind !== "delay") {
    throw new UsageError(
      `invalid --ready ${text}: expected notify, delay:2s or auto:2s`,
    );
  }
  const delay = duration === undefined
    ? DEFAULT_DELAY
    : readDuration("ready", duration);
  return { kind, delay };
}

function readSignal(text: string | undefined): Deno.Signal {
  if (text === undefined) return "SIGTERM";
  const upper = text.toUpperCase();
  const name = (upper.startsWith("SIG") ? upper : `SIG${upper}`) as Deno.Signal;
  try {
    signalNumber(name);
    return name;
  } catch {
    throw new UsageError(
      `invalid --stop-signal ${text}: there is no such signal`,
    );
  }
}

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

async function run(options: RunOptions): Promise<number> {
  blockSigusr1();
  const { sockets, command, directory, generation, watch } = options;
  const report = reporter(`${programName()} run`);
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
    const { operands, show, has, all, one } = readOptions(before, {
      values: [
        "chdir",
        "ready",
        "ready-timeout",
        "stop-signal",
        "grace",
        "max-draining",
        "drain-timeout",
        "watch",
        "timeout",
        ...SOCKET_OPTIONS,
      ],
      flags: ["nonblock"],
    });
    if (show !== undefined) return { show };
    const duration = (option: string) => {
      const text = one(option);
      return text === undefined ? undefined : readDuration(option, text);
    };
    const grace = duration("grace") ?? DEFAULT_GRACE;
    const options: RunOptions = {
      ...readLaunch(operands, command),
      sock: one("sock"),
      timeout: duration("timeout"),
      nonblocking: has("nonblock"),
      socketOptions: readSocketOptions({ one }),
      watch: all("watch"),
      directory: one("chdir"),
      generation: {
        ready: readReady(one("ready") ?? "auto"),
        readyTimeout: duration("ready-timeout") ?? DEFAULT_READY_TIMEOUT,
        grace,
        maxDraining: readMaxDraining(one("max-draining")) ??
          DEFAULT_MAX_DRAINING,
        drainTimeout: readDrainTimeout(one("drain-timeout")) ?? grace,
        stopSignal: readSignal(one("stop-signal")),
      },
    };
    return { run: () => run(options) };
  },
};
