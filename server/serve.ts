import type { Status } from "../protocol.ts";
import { BindTable } from "./sockets/bind_table.ts";
import { type ControlAccess, ControlSocket } from "./daemon/control_socket.ts";
import { Daemon, type DaemonParts } from "./daemon/daemon.ts";
import { DEFAULT_LIMITS, type Limits } from "./daemon/limits.ts";
import {
  createLog,
  type Log,
  type LogFormat,
  type LogLevel,
} from "./log/log.ts";
import type { Policy } from "./policy/policy.ts";

/** Permissions of the control socket: its owner only. */
export const DEFAULT_MODE = 0o600;

/** Options of {@linkcode serve}. */
export interface ServerOptions {
  /** Where to put the control socket. */
  path: string;
  /** Permissions of the control socket: who may connect. Default: `0o600`. */
  mode?: number;
  /**
   * The group of the control socket, by number. Default: this program's.
   */
  gid?: number;
  /** Who may do what; see {@linkcode loadPolicy}. Default: whoever may connect. */
  policy?: Policy;
  /** How many clients may be connected. Default: no limit. */
  maxClients?: number;
  /** How many sockets may be held. Default: no limit. */
  maxBinds?: number;
  /** How long a request may be on its way, in ms; 0 is no limit. Default: 30000. */
  requestTimeout?: number;
  /** From which severity on standard error is written. Default: `"info"`. */
  logLevel?: LogLevel;
  /** `"json"` writes one JSON object a line. Default: `"text"`. */
  logFormat?: LogFormat;
  /** Shuts the server down. Default: none. */
  signal?: AbortSignal;
  /** Called when a dead control socket was replaced. Default: none. */
  onReplaced?: (path: string) => void;
}

/** A server that runs in this program. */
export interface Server extends AsyncDisposable {
  /** The path of the control socket. */
  readonly path: string;
  /** Settles when the server has ended; rejects if its event loop failed. */
  readonly finished: Promise<void>;
  /** What the method `status` answers. */
  status(): Status;
  /** Closes the control socket and the server's copies of the binds. */
  shutdown(): Promise<void>;
}

/** The log that the options ask for. */
export function logOf({ logLevel, logFormat }: ServerOptions): Log {
  return createLog({
    ...(logLevel && { level: logLevel }),
    ...(logFormat && { format: logFormat }),
  });
}

/** The limits that the options ask for. */
export function limitsOf(
  { maxClients, maxBinds, requestTimeout }: ServerOptions,
): Limits {
  return {
    clients: maxClients ?? DEFAULT_LIMITS.clients,
    binds: maxBinds ?? DEFAULT_LIMITS.binds,
    requestTimeout: timeoutOf(requestTimeout),
  };
}

/** The longest that a timer takes, in ms. */
const LONGEST = 0x7fffffff;

function timeoutOf(given: number = DEFAULT_LIMITS.requestTimeout): number {
  return given === 0 || given > LONGEST ? Infinity : given;
}

/** Who may connect to the control socket. */
export function accessOf(
  { mode = DEFAULT_MODE, gid }: ServerOptions,
): ControlAccess {
  return gid === undefined ? { mode } : { mode, gid };
}

/** A daemon of the first generation. */
export function firstGeneration(parts: Omit<DaemonParts, "origin">): Daemon {
  const { control, binds } = parts;
  const origin = { startedAt: new Date().toISOString(), generation: 1 };
  try {
    return new Daemon({ ...parts, origin });
  } catch (error) {
    control.close();
    binds.close();
    throw error;
  }
}

/**
 * Binds sockets for clients that ask on the control socket, inside this
 * program. It needs `--allow-ffi` for the C library and nothing else. The
 * control socket listens when this returns.
 *
 * @throws {ControlSocketError} when a live server holds the path, or when
 * something is there that is no socket.
 * @throws {OsError} when the control socket cannot be made.
 *
 * @example
 * ```ts no-eval
 * import { serve } from "jsr:@multibinder/server";
 *
 * await using server = serve({ path: "/run/multibinder.sock" });
 * await server.finished;
 * ```
 */
export function serve(options: ServerOptions): Server {
  const { path, signal } = options;
  signal?.throwIfAborted();
  const replaced = () => options.onReplaced?.(path);
  const control = ControlSocket.listen(path, accessOf(options), replaced);
  const daemon = firstGeneration({
    control,
    binds: new BindTable(),
    log: logOf(options),
    limits: limitsOf(options),
    policy: options.policy,
  });
  const stop = () => daemon.stop();
  signal?.addEventListener("abort", stop, { once: true });
  const finished = daemon.run().finally(() =>
    signal?.removeEventListener("abort", stop)
  );
  const shutdown = () => {
    stop();
    return finished;
  };
  return {
    path,
    finished,
    status: () => daemon.status(),
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}
