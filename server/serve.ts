import type { Status } from "../protocol.ts";
import { ignoreSigusr1 } from "../ffi/processes/signal_action.ts";
import { BindTable } from "./sockets/bind_table.ts";
import { type ControlAccess, ControlSocket } from "./daemon/control_socket.ts";
import { Daemon, type DaemonParts } from "./daemon/daemon.ts";
import { requireDescriptors } from "./daemon/descriptor_reserve.ts";
import { type Limits, userLimit } from "./daemon/limits.ts";
import {
  createLog,
  type Log,
  type LogFormat,
  type LogLevel,
} from "./log/log.ts";
import type { Policy } from "./policy/policy.ts";

/** Permissions of the control socket: its owner only. */
const DEFAULT_MODE = 0o600;

/** Permissions of a control socket that has a group of its own. */
const DEFAULT_GROUP_MODE = 0o660;

/** Options of {@linkcode serve}. */
export interface ServerOptions {
  /** Path of the control socket. */
  path: string;
  /**
   * Permission bits of the control socket: a client needs write permission.
   *
   * @default 0o600, or 0o660 with {@linkcode ServerOptions.gid}
   */
  mode?: number;
  /**
   * Numeric group of the control socket.
   *
   * @default the group of this process
   */
  gid?: number;
  /**
   * The policy that decides which client may do what, from
   * {@linkcode loadPolicy}.
   *
   * @default every client that can connect may do everything
   */
  policy?: Policy;
  /**
   * Maximum number of connected clients.
   *
   * @default no limit
   */
  maxClients?: number;
  /**
   * Maximum number of connected clients of one user.
   *
   * @default 1000, half of {@linkcode ServerOptions.maxClients} or a quarter of
   * the descriptor limit, whichever is least; no limit for root and the user of
   * this process
   */
  maxClientsPerUser?: number;
  /**
   * Maximum number of held sockets.
   *
   * @default no limit
   */
  maxBinds?: number;
  /**
   * Time in ms in which a client has to complete a request that it has begun; 0
   * disables the timeout.
   *
   * @default 30000
   */
  requestTimeout?: number;
  /**
   * Lowest severity that is written to standard error.
   *
   * @default "info"
   */
  logLevel?: LogLevel;
  /**
   * Format of the log; `"json"` writes one JSON object a line.
   *
   * @default "text"
   */
  logFormat?: LogFormat;
  /**
   * Whether this program ignores SIGUSR1 from now on, so that the signal does not
   * open Deno's debugger (Deno 2.9.2 and newer). Then listeners for SIGUSR1 are not
   * called, and children of `Deno.Command` ignore SIGUSR1 too.
   *
   * @default true
   */
  ignoreSigusr1?: boolean;
  /** Shuts the server down when it is aborted. */
  signal?: AbortSignal;
  /** Called after the server has replaced a dead socket at its path. */
  onReplaced?: (path: string) => void;
}

/** A server that runs in this program. */
export interface Server extends AsyncDisposable {
  /** The path of the control socket. */
  readonly path: string;
  /** Resolves when the server has ended; rejects if its event loop failed. */
  readonly finished: Promise<void>;
  /** The result of the method `status`. */
  status(): Status;
  /**
   * Closes the control socket and the server's copies of the binds. The result
   * is {@linkcode Server.finished}.
   */
  shutdown(): Promise<void>;
}

/** Creates the log. */
export function logOf({ logLevel, logFormat }: ServerOptions): Log {
  return createLog({
    ...(logLevel && { level: logLevel }),
    ...(logFormat && { format: logFormat }),
  });
}

/** Limits on clients, with defaults for missing options. */
export function limitsOf(
  { maxClients, maxClientsPerUser, maxBinds, requestTimeout }: ServerOptions,
): Limits {
  const clients = maxClients ?? Infinity;
  return {
    clients,
    ...userLimit(maxClientsPerUser, clients),
    binds: maxBinds ?? Infinity,
    requestTimeout: timeoutOf(requestTimeout),
  };
}

/** In ms. */
const DEFAULT_REQUEST_TIMEOUT = 30_000;

/** The longest delay that setTimeout takes, in ms. */
const MAX_DELAY = 0x7fffffff;

function timeoutOf(given = DEFAULT_REQUEST_TIMEOUT): number {
  return given === 0 || given > MAX_DELAY ? Infinity : given;
}

/** The permissions and the group of the control socket. */
export function accessOf({ mode, gid }: ServerOptions): ControlAccess {
  return gid === undefined
    ? { mode: mode ?? DEFAULT_MODE }
    : { mode: mode ?? DEFAULT_GROUP_MODE, gid };
}

/** Creates the daemon of the first generation. */
export function firstGeneration(parts: Omit<DaemonParts, "origin">): Daemon {
  const { control, binds } = parts;
  const origin = { startedAt: new Date().toISOString(), generation: 1 };
  let daemon: Daemon | undefined;
  try {
    daemon = new Daemon({ ...parts, origin });
    requireDescriptors();
    return daemon;
  } catch (error) {
    daemon?.close();
    control.close();
    binds.close();
    throw error;
  }
}

/**
 * Runs the daemon inside this program. The control socket listens when this
 * returns. The only permission needed is `--allow-ffi` for the C library.
 *
 * @throws {ControlSocketError} if a server listens on the path, or if the path
 * is not a socket.
 * @throws {OsError} if the control socket cannot be created.
 * @throws {UnsupportedPlatformError} on another platform than Linux with glibc
 * on x86_64 or aarch64.
 * @throws {MissingPermissionError} without `--allow-ffi`.
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
  if (options.ignoreSigusr1 !== false) ignoreSigusr1();
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
