/**
 * The options of `run`, which a command that makes its COMMAND itself has too.
 *
 * @module
 */
import { signalNumber } from "../../../ffi/processes/signal_numbers.ts";
import {
  DEFAULT_MAX_DRAINING,
  type DrainLimits,
} from "../../../supervisor/ending/draining.ts";
import type { GenerationOptions } from "../../../supervisor/generation.ts";
import type { ReadyWhen } from "../../../supervisor/readiness.ts";
import { readDrainTimeout, readMaxDraining } from "../options/drain_limits.ts";
import { readDuration } from "../options/duration.ts";
import type { KnownOptions, Options } from "../options/options.ts";
import {
  type CommandSocketOptions,
  readSocketOptions,
  SOCKET_OPTIONS,
  SOCKET_OPTIONS_USAGE,
} from "../options/socket_options.ts";
import { UsageError } from "../options/usage_error.ts";
import type { Launch } from "./launch.ts";

/** The options, for `readOptions`. */
export const RUN_OPTIONS = {
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
} as const satisfies KnownOptions;

/** Their part of the help. */
export const RUN_OPTIONS_USAGE =
  `  --chdir DIR          the working directory of COMMAND, resolved at each start: a
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
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK`;

/** Everything that `run` knows. */
export interface RunOptions extends Launch {
  sock: string | undefined;
  timeout: number | undefined;
  nonblocking: boolean;
  socketOptions: CommandSocketOptions;
  generation: GenerationOptions & DrainLimits;
  watch: readonly string[];
  directory: string | undefined;
  /** Variables to set for COMMAND. Default: none. */
  variables?: Readonly<Record<string, string>>;
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
  const grace = duration("grace") ?? DEFAULT_GRACE;
  return {
    sock: one("sock"),
    timeout: duration("timeout"),
    nonblocking: has("nonblock"),
    socketOptions: readSocketOptions({ one }),
    watch: all("watch"),
    directory: one("chdir"),
    generation: {
      ready: readReady(one("ready") ?? ready),
      readyTimeout: duration("ready-timeout") ?? DEFAULT_READY_TIMEOUT,
      grace,
      maxDraining: readMaxDraining(one("max-draining")) ??
        DEFAULT_MAX_DRAINING,
      drainTimeout: readDrainTimeout(one("drain-timeout")) ?? grace,
      stopSignal: readSignal(one("stop-signal")),
    },
  };
}
