import type { Limits } from "./waiting.ts";

/** Options of one call to the daemon. */
export interface CallOptions {
  /**
   * How long the call may take in ms, the wait for a daemon that is not up yet
   * included. Default: 10000.
   */
  timeout?: number;
  /** Ends the call with the signal's reason. Default: none. */
  signal?: AbortSignal;
}

/** Options of everything that connects to the daemon. */
export interface ConnectOptions extends CallOptions {
  /** Path of the control socket. Default: the variable `MULTIBINDER_SOCK`. */
  sock?: string;
}

/** How the socket shall be, where it is not bound already. */
export interface SocketOptions {
  /**
   * How many connections may wait to be accepted; the kernel caps it at
   * `net.core.somaxconn`. On a socket that is bound already it takes effect
   * too. Default: the daemon's, 1000.
   */
  backlog?: number;
  /** Whether an IPv6 socket refuses IPv4. Default: true, for `:PORT` false. */
  v6only?: boolean;
}

const DEFAULT_TIMEOUT = 10_000;

/** The limits of a call. */
export function limitsOf({ timeout, signal }: CallOptions): Limits {
  return { timeout: timeout ?? DEFAULT_TIMEOUT, ...(signal && { signal }) };
}
