import { signalNumber } from "../../ffi/signal_numbers.ts";
import type { Manner } from "../run/generation.ts";
import { reapWhereInit } from "../run/init.ts";
import { endLike } from "../run/own_ending.ts";
import type { ReadyWhen } from "../run/readiness.ts";
import { report } from "../run/report.ts";
import { ServiceManager } from "../../ffi/service_manager.ts";
import { Supervisor } from "../run/supervisor.ts";
import { watchPaths } from "../run/watched_paths.ts";
import type { Command } from "./command.ts";
import { readDuration } from "./duration.ts";
import { FetchedSockets } from "./fetched_sockets.ts";
import { divide, type Launch, readLaunch } from "./launch.ts";
import { listenEnvironment } from "./listen_environment.ts";
import { readOptions } from "./options.ts";
import {
  type CommandSocketOptions,
  readSocketOptions,
  SOCKET_OPTIONS,
  SOCKET_OPTIONS_USAGE,
} from "./socket_options.ts";
import { StartError } from "./start_error.ts";
import { UsageError } from "./usage_error.ts";

const USAGE =
  `Usage: multibinder-client run [options] [NAME=]ADDR... -- COMMAND [ARGUMENT...]

Keeps COMMAND running with the sockets of the addresses, as exec passes them,
and replaces it without a gap: SIGHUP or SIGUSR2 starts a new one beside the
old one, which is ended when the new one is ready.

  --ready notify       ready is who sends READY=1 to NOTIFY_SOCKET (sd_notify(3))
  --ready delay:2s     ready is who has run for two seconds
  --ready auto:2s      the default: notify if COMMAND says anything there within
                       two seconds, else the delay
  --ready-timeout 60s  who is not ready by then is killed
  --stop-signal TERM   what asks COMMAND to end
  --grace 30s          who has not ended by then is killed
  --watch PATH         reload when the file or directory changes; repeatable
  --nonblock           set O_NONBLOCK, which every holder of the sockets sees
${SOCKET_OPTIONS_USAGE}
  --timeout 10s        how long to wait for the daemon
  --sock PATH          its control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

SIGTERM, SIGINT and SIGQUIT end COMMAND and then this program; SIGUSR1 is passed
on. Who crashes is started again at once; who goes on crashing after 0.25, 0.5,
1, ... up to 30 s.

Exit status: COMMAND's own; 1 no sockets, 2 wrong usage, 126 COMMAND cannot be
executed, 127 COMMAND is not there.`;

interface RunOptions extends Launch {
  sock: string | undefined;
  timeout: number | undefined;
  nonblocking: boolean;
  socketOptions: CommandSocketOptions;
  manner: Manner;
  watch: readonly string[];
}

const DEFAULT_DELAY = 2_000;
const DEFAULT_READY_TIMEOUT = 60_000;
const DEFAULT_GRACE = 30_000;

function readReady(text: string): ReadyWhen {
  if (text === "notify") return { kind: "notify" };
  const [, kind, duration] = /^(auto|delay)(?::(.*))?$/.exec(text) ?? [];
  if (kind !== "auto" && kind !== "delay") {
    throw new UsageError(
      `--ready ${text} is none of notify, delay:2s, auto:2s`,
    );
  }
  const delay = duration === undefined
    ? DEFAULT_DELAY
    : readDuration("ready", duration);
  return { kind, delay };
}

function readSignal(text: string | undefined): Deno.Signal {
  if (text === undefined) return "SIGTERM";
  const name = (text.startsWith("SIG") ? text : `SIG${text}`) as Deno.Signal;
  try {
    signalNumber(name);
    return name;
  } catch {
    throw new UsageError(`--stop-signal: there is no signal ${text}`);
  }
}

function listen(signals: Partial<Record<Deno.Signal, () => void>>): Disposable {
  const stack = new DisposableStack();
  for (const [name, listener] of Object.entries(signals)) {
    const signal = name as Deno.Signal;
    Deno.addSignalListener(signal, listener);
    stack.defer(() => Deno.removeSignalListener(signal, listener));
  }
  return stack;
}

/** Ended by a signal before there was anything to pass it on to. */
class Stopped {
  readonly signal: number;

  constructor(name: Deno.Signal) {
    this.signal = signalNumber(name);
  }
}

/** The sockets, or by which signal we were stopped meanwhile. */
async function fetchUnlessStopped(
  { sockets, sock, timeout, nonblocking, socketOptions }: RunOptions,
  stopped: AbortSignal,
): Promise<FetchedSockets | Stopped> {
  try {
    return await FetchedSockets.fetch(sockets, {
      nonblocking,
      socketOptions,
      signal: stopped,
      ...(sock !== undefined && { sock }),
      ...(timeout !== undefined && { timeout }),
    });
  } catch (error) {
    if (stopped.reason instanceof Stopped) return stopped.reason;
    throw error;
  }
}

async function run(options: RunOptions): Promise<number> {
  const { sockets, command, manner, watch } = options;
  const early = new AbortController();
  const later: { supervisor?: Supervisor } = {};
  const reload = (why: string) => {
    if (later.supervisor === undefined) return;
    report(`reload: ${why}`);
    later.supervisor.reload();
  };
  const stop = (name: Deno.Signal, passedOn?: Deno.Signal) => () => {
    if (later.supervisor !== undefined) later.supervisor.stop(passedOn);
    else early.abort(new Stopped(name));
  };
  using _listening = listen({
    SIGHUP: () => reload("SIGHUP"),
    SIGUSR2: () => reload("SIGUSR2"),
    SIGTERM: stop("SIGTERM"),
    SIGINT: stop("SIGINT", "SIGINT"),
    SIGQUIT: stop("SIGQUIT", "SIGQUIT"),
    SIGUSR1: () => later.supervisor?.signal("SIGUSR1"),
  });
  const fetched = await fetchUnlessStopped(options, early.signal);
  if (fetched instanceof Stopped) return endLike(fetched);
  using _sockets = fetched;
  using manager = ServiceManager.fromEnvironment((reason) =>
    report(`the service manager is not told: ${reason}`)
  );
  const service = {
    command,
    descriptors: fetched.descriptors,
    environment: (changed: Readonly<Record<string, string | undefined>>) =>
      listenEnvironment(sockets, changed),
  };
  const supervisor = new Supervisor(service, manner, report, manager);
  later.supervisor = supervisor;
  using _init = reapWhereInit((pid) => supervisor.awaits(pid));
  using _watching = watchPaths(
    watch,
    (path) => reload(`${path} has changed`),
    (error) => report(`not everything is watched any more: ${error}`),
  );
  const outcome = await supervisor.run();
  if (outcome instanceof StartError) throw outcome;
  return endLike(outcome);
}

/** The command `run`. */
export const runCommand: Command = {
  name: "run",
  usage: USAGE,
  read: (args) => {
    const { before, command } = divide(args);
    const { words, asks, has, all, one } = readOptions(before, {
      values: [
        "ready",
        "ready-timeout",
        "stop-signal",
        "grace",
        "watch",
        "timeout",
        ...SOCKET_OPTIONS,
      ],
      flags: ["nonblock"],
    });
    if (asks !== undefined) return { show: asks };
    const duration = (option: string) => {
      const text = one(option);
      return text === undefined ? undefined : readDuration(option, text);
    };
    const options: RunOptions = {
      ...readLaunch(words, command),
      sock: one("sock"),
      timeout: duration("timeout"),
      nonblocking: has("nonblock"),
      socketOptions: readSocketOptions({ one }),
      watch: all("watch"),
      manner: {
        ready: readReady(one("ready") ?? "auto"),
        readyTimeout: duration("ready-timeout") ?? DEFAULT_READY_TIMEOUT,
        grace: duration("grace") ?? DEFAULT_GRACE,
        stopSignal: readSignal(one("stop-signal")),
      },
    };
    return { run: () => run(options) };
  },
};
