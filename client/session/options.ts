import type { WireOptions } from "../../protocol.ts";
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

/**
 * How the socket shall be. What is named takes effect on a socket that is
 * bound already, too; what is left out is as the kernel has it. `v6only` and
 * `device` are part of the address: with another value it is another socket.
 */
export interface SocketOptions {
  /**
   * How many connections may wait to be accepted (listen(2)); the kernel caps
   * it at `net.core.somaxconn`. For TCP, UNIX stream and seqpacket sockets.
   * Default: the daemon's, 1000.
   */
  backlog?: number;
  /** Whether an IPv6 socket refuses IPv4. Default: true, for `:PORT` false. */
  v6only?: boolean;
  /**
   * The network interface to bind to (SO_BINDTODEVICE, socket(7)). For TCP and
   * UDP. Default: all of them.
   */
  device?: string;
  /** SO_REUSEPORT, socket(7). For TCP and UDP. Default: false. */
  reusePort?: boolean;
  /**
   * Binds also an address that this machine does not have (IP_FREEBIND,
   * ip(7)). For TCP and UDP. Default: false.
   */
  freeBind?: boolean;
  /**
   * IP_TRANSPARENT, ip(7): the daemon needs CAP_NET_ADMIN or CAP_NET_RAW. For
   * TCP and UDP. Default: false.
   */
  transparent?: boolean;
  /**
   * A connection is there to accept when it has sent something, or after so
   * many s (TCP_DEFER_ACCEPT, tcp(7)). For TCP. Default: 0, at once.
   */
  deferAccept?: number;
  /**
   * How many connections may wait that have sent data with their SYN
   * (TCP_FASTOPEN, tcp(7)). For TCP. Default: 0, none.
   */
  fastOpen?: number;
  /**
   * SO_MARK, socket(7): the daemon needs CAP_NET_ADMIN or CAP_NET_RAW. For TCP
   * and UDP. Default: 0.
   */
  mark?: number;
  /** SO_RCVBUF, socket(7), in bytes; the kernel doubles it. */
  recvBuffer?: number;
  /** SO_SNDBUF, socket(7), in bytes; the kernel doubles it. */
  sendBuffer?: number;
  /** Permissions of a UNIX socket's path. Default: `0o660`. */
  mode?: number;
  /** The path's user, by name or number. Default: the daemon's. */
  owner?: string | number;
  /** The path's group, by name or number. Default: the daemon's. */
  group?: string | number;
}

/** The options as the daemon takes them. */
export function wireOptions(options: SocketOptions): WireOptions {
  const { mode } = options;
  const given: WireOptions = {
    backlog: options.backlog,
    reuse_port: options.reusePort,
    free_bind: options.freeBind,
    transparent: options.transparent,
    defer_accept: options.deferAccept,
    fast_open: options.fastOpen,
    mark: options.mark,
    recv_buffer: options.recvBuffer,
    send_buffer: options.sendBuffer,
    mode: mode === undefined ? undefined : mode.toString(8).padStart(4, "0"),
    owner: options.owner,
    group: options.group,
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
}

const DEFAULT_TIMEOUT = 10_000;

/** The limits of a call. */
export function limitsOf({ timeout, signal }: CallOptions): Limits {
  return { timeout: timeout ?? DEFAULT_TIMEOUT, ...(signal && { signal }) };
}
