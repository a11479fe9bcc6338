/**
 * The options of a socket in the kernel.
 *
 * @module
 */
import { abi } from "../../../ffi/libc/abi.ts";
import { check, Errno } from "../../../ffi/libc/errno.ts";
import { libc } from "../../../ffi/libc/libc.ts";
import { viewOf } from "../../../ffi/libc/memory.ts";
import {
  getOption,
  newSocket,
  type SocketType,
  tryConnect,
} from "../../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../../ffi/sockets/socket_address.ts";
import type { Place } from "./places.ts";

// In asm-generic/socket.h, linux/in.h, linux/in6.h and linux/tcp.h.
const SOL_SOCKET = 1;
const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_MARK = 36;
const IP_FREEBIND = 15;
const IP_TRANSPARENT = 19;
const IPV6_V6ONLY = 26;
const IPV6_TRANSPARENT = 75;
const IPV6_FREEBIND = 78;
const TCP_DEFER_ACCEPT = 9;
const TCP_FASTOPEN = 23;

/** Of a listening socket this field is the length of its accept queue (tcp(7)). */
const TCPI_SACKED = 28;
const TCPI_SIZE = 104;

/** An option for getsockopt(2). */
export type Read = (fd: number, family: Place["family"]) => number;

function ofSocket(option: number): Read {
  return (fd) => getOption(fd, SOL_SOCKET, option);
}

function ofInternet(ipv4: number, ipv6: number): Read {
  return (fd, family) =>
    family === "ipv6"
      ? getOption(fd, IPPROTO_IPV6, ipv6)
      : getOption(fd, IPPROTO_IP, ipv4);
}

function ofTcp(option: number): Read {
  return (fd) => getOption(fd, IPPROTO_TCP, option);
}

/** By their names in `bind`. */
export const READ = {
  reuse_port: ofSocket(SO_REUSEPORT),
  free_bind: ofInternet(IP_FREEBIND, IPV6_FREEBIND),
  transparent: ofInternet(IP_TRANSPARENT, IPV6_TRANSPARENT),
  mark: ofSocket(SO_MARK),
  recv_buffer: ofSocket(SO_RCVBUF),
  send_buffer: ofSocket(SO_SNDBUF),
  defer_accept: ofTcp(TCP_DEFER_ACCEPT),
  fast_open: ofTcp(TCP_FASTOPEN),
} as const satisfies Record<string, Read>;

/** Whether an IPv6 socket refuses IPv4. */
export function isV6Only(fd: number): boolean {
  return getOption(fd, IPPROTO_IPV6, IPV6_V6ONLY) === 1;
}

/** The maximum length of the accept queue of a TCP socket. */
export function tcpBacklog(fd: number): number {
  const bytes = new Uint8Array(TCPI_SIZE);
  const length = new Uint8Array(Uint32Array.of(TCPI_SIZE).buffer);
  check(
    libc().getsockopt(fd, abi.IPPROTO_TCP, abi.TCP_INFO, bytes, length),
    "getsockopt",
  );
  return viewOf(bytes).getUint32(TCPI_SACKED, true);
}

/** More than the backlog in any test. */
const TOO_MANY = 1000;

/**
 * The backlog of a UNIX socket: the number of connections that it accepts, less
 * the one that the kernel allows beyond the backlog.
 */
export function unixBacklog(path: string, type: SocketType): number {
  const address: UnixAddress = { family: "unix", path };
  using clients = new DisposableStack();
  for (let count = 0; count < TOO_MANY; count++) {
    const client = clients.use(
      newSocket(address, type, { nonblocking: true }),
    );
    const errno = tryConnect(client.fd, address);
    if (errno === Errno.EAGAIN) return count - 1;
    if (errno !== 0) throw new Error(`connect: errno ${errno}`);
  }
  throw new Error(`more than ${TOO_MANY} may wait`);
}
