/**
 * The options of `run`, which a command that makes its COMMAND itself has too.
 *
 * @module
 */
import { signalNumber } from "../../../ffi/processes/signal_numbers.ts";
import { DEFAULT_MAX_DRAINING } from "../../../supervisor/ending/draining.ts";
import type { ReadyWhen } from "../../../supervisor/readiness.ts";
import { readDrainTimeout, readMaxDraining } from "../options/drain_limits.ts";
import { readDuration, readPositiveDuration } from "../options/duration.ts";
import { readRestartLimits } from "../options/restart_limits.ts";
import type { WorkerOptions } from "../../../supervisor/workers/worker.ts";
import {
  type CommandSocketOptions,
  readSocketOptions,
  SOCKET_OPTIONS,
  SOCKET_OPTIONS_USAGE,
} from "../options/socket_options.ts";
import { readServiceUser } from "../options/service_user.ts";
import type { ServiceUser } from "../../../supervisor/service_user.ts";
import {
  type KnownOptions,
  type Options,
  UsageError,
} from "../../../given_options.ts";
import { readWorkers } from "../options/workers.ts";
import { readOnDemand } from "../options/on_demand.ts";
import type { Launch } from "./launch.ts";

/** The options, for `readOptions`. */
export const RUN_OPTIONS = {
  values: [
    "workers",
    "chdir",
    "ready",
    "ready-timeout",
    "stop-signal",
    "grace",
    "max-draining",
    "drain-timeout",
    "user",
    "watchdog",
    "restart",
    "max-restarts",
    "idle",
    "watch",
    "timeout",
    ...SOCKET_OPTIONS,
  ],
  flags: ["on-demand", "nonblock"],
} as const satisfies KnownOptions;

/** Their part of the help. */
export const RUN_OPTIONS_USAGE =
  `  --workers N          keep N COMMANDs running, each with its own socket of every
                       TCP address; auto: one for each processor; default: 1.
                       SIGTTIN adds one, SIGTTOU removes one
  --chdir DIR          the working directory of COMMAND, resolved at each start: a
                       symbolic link to the current release may be repointed
  --user USER[:GROUP]  run COMMAND as this user, with its groups and HOME, USER,
                       LOGNAME and SHELL; needs root
  --ready notify       COMMAND is ready once it sends READY=1 to NOTIFY_SOCKET
                       (sd_notify(3))
  --ready delay:2s     COMMAND is ready once it has run for two seconds
  --ready auto:2s      the default: like notify if COMMAND sends anything to
                       NOTIFY_SOCKET within two seconds, else like delay
  --ready tcp          COMMAND is ready once it accepts a connection to the first
                       TCP or UNIX stream socket
  --ready http:/PATH   COMMAND is ready once it answers GET /PATH on that socket with
                       status 2xx or 3xx
  --ready-timeout 60s  kill COMMAND if it is not ready in this time
  --stop-signal TERM   the signal that asks COMMAND to end
  --grace 30s          kill COMMAND if it does not end in this time after a stop
  --max-draining 8     how many replaced COMMANDs may finish their connections at
                       the same time; the oldest is ended when there is one more
  --drain-timeout 30s  how long a replaced COMMAND may take to end; never: no
                       limit; default: that of --grace
  --restart always     restart a COMMAND that ends without being asked to
  --restart on-failure the same, but exit code 0 ends run
  --restart never      run ends like COMMAND
  --max-restarts N     run ends like COMMAND when N restarts have failed one after
                       another: COMMAND was not ready or ended within ten seconds
  --on-demand          start COMMAND when a connection or datagram waits, which it then
                       accepts. Exit code 0 means to wait for the next one
  --idle 10m           with --on-demand: end COMMAND when no connection has been open
                       or waiting for this time; default: never
  --watchdog 10s       kill and restart a COMMAND that does not send WATCHDOG=1 in this
                       time once it is ready (sd_watchdog_enabled(3))
  --watch PATH         reload when the file or directory changes; repeatable
  --nonblock           set O_NONBLOCK, which affects every process that has the
                       sockets
${SOCKET_OPTIONS_USAGE}
  --timeout 10s        how long to wait for the daemon
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK`;

/** Everything that `run` knows. */
export interface RunOptions extends Launch {
  sock: string | undefined;
  timeout: number | undefined;
  nonblocking: boolean;
  socketOptions: CommandSocketOptions;
  generation: WorkerOptions;
  watch: readonly string[];
  directory: string | undefined;
  user: ServiceUser | undefined;
  /** How many; `undefined` for one with the socket that others get, too. */
  workers: number | undefined;
  /** Variables to set for COMMAND, or to remove if `undefined`. Default: none. */
  variables?: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_DELAY = 2_000;
const DEFAULT_READY_TIMEOUT = 60_000;
const DEFAULT_GRACE = 30_000;

function readReady(text: string): ReadyWhen {
  if (text === "notify" || text === "tcp") return { kind: text };
  // Two slashes would be a URL with a host.
  const path = /^http:(\/(?!\/)[\x21-\x7e]*)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: "http", path };
  const [, kind, duration] = /^(auto|delay)(?::(.*))?$/.exec(text) ?? [];
  if (kind !== "auto" && kind !== "delay") {
    throw new UsageError(
      `invalid --ready ${text}: expected notify, delay:2s, auto:2s, tcp or http:/PATH`,
    );
  }
  const delay = duration === undefined
    ? DEFAULT_DELAY
    : readDuration("ready", duration, text);
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

/**
 * Reads the options.
 *
 * @param ready the value of `--ready` if it is not given
 * @throws {UsageError} for an invalid value.
 */
export function readRunOptions(
  { has, all, one }: Options,
  ready = "auto",
): Omit<RunOptions, keyof Launch> {
  const duration = (option: string) => {
    const text = one(option);
    return text === undefined ? undefined : readDuration(option, text);
  };
  const positive = (option: string) => {
    const text = one(option);
    return text === undefined ? undefined : readPositiveDuration(option, text);
  };
  const grace = duration("grace") ?? DEFAULT_GRACE;
  return {
    sock: one("sock"),
    timeout: duration("timeout"),
    nonblocking: has("nonblock"),
    socketOptions: readSocketOptions({ one }),
    watch: all("watch"),
    directory: one("chdir"),
    user: readServiceUser(one("user")),
    workers: readWorkers(one("workers")),
    generation: {
      ready: readReady(one("ready") ?? ready),
      readyTimeout: positive("ready-timeout") ?? DEFAULT_READY_TIMEOUT,
      grace,
      maxDraining: readMaxDraining(one("max-draining")) ??
        DEFAULT_MAX_DRAINING,
      drainTimeout: readDrainTimeout(one("drain-timeout")) ?? grace,
      stopSignal: readSignal(one("stop-signal")),
      ...readRestartLimits(one),
      onDemand: readOnDemand({ has, one }),
      watchdog: positive("watchdog"),
    },
  };
}
