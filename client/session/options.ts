import type { WireOptions } from "../../protocol.ts";
import type { Limits } from "./waiting.ts";

/** Options of one call to the daemon. */
export interface CallOptions {
  /**
   * How long the call may take, in ms, including the wait for a daemon that does
   * not listen yet.
   *
   * @default 10000
   */
  timeout?: number;
  /** Rejects the call with the signal's reason when it aborts. */
  signal?: AbortSignal;
}

/** Options of a function that connects to the daemon. */
export interface ConnectOptions extends CallOptions {
  /**
   * Path of the control socket.
   *
   * @default the environment variable `MULTIBINDER_SOCK`
   */
  sock?: string;
}

/**
 * Options of a socket. An option that is given is also applied to a socket that
 * the daemon already holds. `v6only` and `device` are part of the address: a bind
 * with other values gets another socket.
 */
export interface SocketOptions {
  /**
   * Length of the accept queue, in connections (listen(2)). The kernel limits it
   * to `net.core.somaxconn`. For TCP, UNIX stream and seqpacket sockets.
   *
   * @default 1000
   */
  backlog?: number;
  /**
   * Whether an IPv6 socket refuses IPv4 (IPV6_V6ONLY, ipv6(7)).
   *
   * @default true, and false for `:PORT`
   */
  v6only?: boolean;
  /**
   * The network interface to bind to (SO_BINDTODEVICE, socket(7)). For TCP and
   * UDP.
   *
   * @default all interfaces
   */
  device?: string;
  /**
   * Whether other sockets may bind the same address (SO_REUSEPORT, socket(7)).
   * For TCP and UDP.
   *
   * @default false
   */
  reusePort?: boolean;
  /**
   * Whether to bind an address that this machine does not have (IP_FREEBIND,
   * ip(7)). For TCP and UDP.
   *
   * @default false
   */
  freeBind?: boolean;
  /**
   * IP_TRANSPARENT, ip(7): the daemon needs CAP_NET_ADMIN or CAP_NET_RAW. For
   * TCP and UDP.
   *
   * @default false
   */
  transparent?: boolean;
  /**
   * How long a connection that has sent no data stays out of the accept queue,
   * in seconds (TCP_DEFER_ACCEPT, tcp(7)). For TCP.
   *
   * @default 0
   */
  deferAccept?: number;
  /**
   * How many connections with data in their SYN may be pending (TCP_FASTOPEN,
   * tcp(7)). For TCP. 0 turns TCP Fast Open off.
   *
   * @default 0
   */
  fastOpen?: number;
  /**
   * SO_MARK, socket(7): the daemon needs CAP_NET_ADMIN or CAP_NET_RAW. For TCP
   * and UDP.
   *
   * @default 0
   */
  mark?: number;
  /** SO_RCVBUF, in bytes; the kernel doubles it (socket(7)). */
  recvBuffer?: number;
  /** SO_SNDBUF, in bytes; the kernel doubles it (socket(7)). */
  sendBuffer?: number;
  /**
   * Permissions of the path of a UNIX socket.
   *
   * @default 0o660
   */
  mode?: number;
  /**
   * Owner of the path of a UNIX socket, a name or a number.
   *
   * @default the user of the daemon
   */
  owner?: string | number;
  /**
   * Group of the path of a UNIX socket, a name or a number.
   *
   * @default the group of the daemon
   */
  group?: string | number;
}

/** The options with the names and values of the protocol. */
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
