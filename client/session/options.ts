import {
  BIND_OPTIONS,
  type BindOptionName,
  type WireOptions,
} from "../../protocol.ts";
import type { Limits } from "./waiting.ts";

/** Options of one call to the daemon. */
export interface CallOptions {
  /**
   * How long the call may take in ms. This includes the wait for a daemon that
   * is not up yet.
   *
   * @default 10000
   */
  timeout?: number;
  /** Rejects the call with its reason when it aborts. */
  signal?: AbortSignal;
}

/** Options of functions that connect to the daemon. */
export interface ConnectOptions extends CallOptions {
  /**
   * Path of the control socket.
   *
   * @default the environment variable `MULTIBINDER_SOCK`
   */
  sock?: string;
}

/**
 * Options of a listening socket.
 *
 * They also take effect on a socket that is bound already. An option that is left
 * out does not change the socket. `v6only`, `device` and `shard` are part of the
 * address: with another value it is another socket.
 */
export interface SocketOptions {
  /**
   * How many connections may wait to be accepted (listen(2)); the kernel caps
   * it at `net.core.somaxconn`. For TCP, UNIX stream and seqpacket sockets.
   *
   * @default 1000
   */
  backlog?: number;
  /**
   * Whether an IPv6 socket refuses IPv4.
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
   * Which socket of a group that shares the address, 0 to 63, each with its own accept
   * queue. Socket 0 is the one of a bind without this option. Needs `shards`. For TCP
   * and UDP.
   *
   * @default 0
   */
  shard?: number;
  /**
   * How many sockets of the group get new connections, 1 to 64: those with a smaller
   * `shard`. The last bind sets it for the whole group. Needs `shard`.
   */
  shards?: number;
  /**
   * SO_REUSEPORT, socket(7). For TCP and UDP.
   *
   * @default false
   */
  reusePort?: boolean;
  /**
   * Allows an address that this machine does not have (IP_FREEBIND, ip(7)). For
   * TCP and UDP.
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
   * Delays the accept of a connection until it has sent data, or for this many
   * seconds (TCP_DEFER_ACCEPT, tcp(7)). For TCP.
   *
   * @default 0 (no delay)
   */
  deferAccept?: number;
  /**
   * Length of the queue of connections with data in their SYN (TCP_FASTOPEN,
   * tcp(7)). For TCP.
   *
   * @default 0 (no TCP Fast Open)
   */
  fastOpen?: number;
  /**
   * SO_MARK, socket(7): the daemon needs CAP_NET_ADMIN or CAP_NET_RAW. For TCP
   * and UDP.
   *
   * @default 0
   */
  mark?: number;
  /** SO_RCVBUF, socket(7), in bytes; the kernel doubles it. */
  recvBuffer?: number;
  /** SO_SNDBUF, socket(7), in bytes; the kernel doubles it. */
  sendBuffer?: number;
  /**
   * Permissions of a UNIX socket's path.
   *
   * @default `0o660`
   */
  mode?: number;
  /**
   * The owner of a UNIX socket's path, a name or a number.
   *
   * @default the user of the daemon
   */
  owner?: string | number;
  /**
   * The group of a UNIX socket's path, a name or a number.
   *
   * @default the group of the daemon
   */
  group?: string | number;
}

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** An option of a bind by its name in this library. */
export type SocketOptionName = CamelCase<BindOptionName>;

/** The options of a bind: their names in the protocol and in this library. */
export const SOCKET_OPTION_NAMES: ReadonlyMap<
  BindOptionName,
  SocketOptionName
> = new Map(
  (Object.keys(BIND_OPTIONS) as BindOptionName[]).map((name) => [
    name,
    name.replace(
      /_(.)/g,
      (_, letter) => letter.toUpperCase(),
    ) as SocketOptionName,
  ]),
);

/** Converts options to the protocol, without those that addresses have too. */
export function wireOptions(options: SocketOptions): WireOptions {
  const wire: Record<string, unknown> = {};
  for (const [name, inLibrary] of SOCKET_OPTION_NAMES) {
    if (name === "v6only" || name === "device") continue;
    const value = options[inLibrary];
    if (value === undefined) continue;
    wire[name] = name === "mode" && typeof value === "number"
      ? value.toString(8).padStart(4, "0")
      : value;
  }
  return wire;
}

const DEFAULT_TIMEOUT = 10_000;

/** The limits of a call. */
export function limitsOf({ timeout, signal }: CallOptions): Limits {
  return { timeout: timeout ?? DEFAULT_TIMEOUT, signal };
}
