/**
 * What another process can do to a socket that it shares: reads that state, and
 * reverts what can be reverted.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";
import { getOption } from "./socket.ts";
import { domainOf, hostBytes, type InternetAddress } from "./socket_address.ts";

const { sockaddr_in, sockaddr_in6, pollfd } = abi.layouts;

/** A sockaddr_storage. */
const name = new Uint8Array(128);
const nameView = viewOf(name);
const nameLength = new Uint32Array(1);
const nameLengthBytes = new Uint8Array(nameLength.buffer);

/** The bytes of hosts: to encode one takes longer than to ask the kernel. */
const hosts = new Map<string, Uint8Array<ArrayBuffer>>();
const MOST_HOSTS = 1_000;

function bytesOf(address: InternetAddress): Uint8Array<ArrayBuffer> {
  const known = hosts.get(address.host);
  if (known !== undefined) return known;
  if (hosts.size >= MOST_HOSTS) hosts.clear();
  const bytes = hostBytes(address);
  hosts.set(address.host, bytes);
  return bytes;
}

/**
 * Whether an IPv4 or IPv6 socket is bound to this address and port
 * (getsockname(2)).
 *
 * @throws {OsError} EBADF, ENOBUFS.
 */
export function isBoundTo(fd: number, expected: InternetAddress): boolean {
  nameLength[0] = name.length;
  check(libc().getsockname(fd, name, nameLengthBytes), "getsockname");
  const { family, port } = expected;
  // The family and the port have the same place in both.
  const { sin_family, sin_port, sin_addr } = sockaddr_in;
  if (nameView.getUint16(sin_family, true) !== domainOf(family)) return false;
  if (nameView.getUint16(sin_port, false) !== port) return false;
  const at = family === "ipv6" ? sockaddr_in6.sin6_addr : sin_addr;
  return bytesOf(expected).every((byte, index) => byte === name[at + index]);
}

/**
 * Whether the socket is connected (getpeername(2)).
 *
 * @throws {OsError} EBADF, ENOTSOCK, ENOBUFS.
 */
export function isConnected(fd: number): boolean {
  nameLength[0] = name.length;
  if (libc().getpeername(fd, name, nameLengthBytes) === 0) return true;
  const errno = lastErrno();
  if (errno === Errno.ENOTCONN) return false;
  throw new OsError("getpeername", errno);
}

let polled: NativeMemory | undefined;
const pollBytes = new Uint8Array(pollfd.size);
const pollView = viewOf(pollBytes);

/**
 * Whether reading from the socket is shut down. shutdown(2) stops a TCP socket
 * from listening instead, and nothing reports a datagram socket of which only
 * the writing direction is shut down.
 *
 * @throws {OsError} ENOMEM.
 */
export function isShutDown(fd: number): boolean {
  polled ??= new NativeMemory(pollfd.size);
  pollView.setInt32(pollfd.fd, fd, true);
  pollView.setInt16(pollfd.events, abi.POLLRDHUP, true);
  pollView.setInt16(pollfd.revents, 0, true);
  polled.write(pollBytes);
  while (libc().poll(polled.address, 1n, 0) === -1) {
    const errno = lastErrno();
    if (errno !== Errno.EINTR) throw new OsError("poll", errno);
  }
  polled.read(pollBytes);
  const returned = pollView.getInt16(pollfd.revents, true);
  return (returned & (abi.POLLRDHUP | abi.POLLHUP)) !== 0;
}

/** A sockaddr of the family AF_UNSPEC, which is 0. */
const unspecified = new Uint8Array(sockaddr_in.size);

/**
 * Disconnects a datagram socket, and resets a TCP socket to one that is not
 * connected and does not listen (connect(2) with AF_UNSPEC). A socket whose port
 * the kernel chose loses its port.
 *
 * @throws {OsError} ENETUNREACH and the like.
 */
export function disconnect(fd: number): void {
  check(libc().connect(fd, unspecified, unspecified.length), "connect");
}

/** Discards the pending error of a socket (SO_ERROR, socket(7)). */
export function clearError(fd: number): void {
  getOption(fd, abi.SOL_SOCKET, abi.SO_ERROR);
}

const noValue = new Uint8Array(4);

/**
 * Removes a socket filter (SO_DETACH_FILTER, socket(7)). Returns whether there
 * was one, or "locked" if it cannot be removed (SO_LOCK_FILTER).
 */
export function detachFilter(fd: number): "none" | "detached" | "locked" {
  const { SOL_SOCKET, SO_DETACH_FILTER } = abi;
  if (
    libc().setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, noValue, 4) === 0
  ) return "detached";
  return lastErrno() === Errno.EPERM && locksFilter(fd) ? "locked" : "none";
}

/** Whether the filter of a socket cannot be changed (SO_LOCK_FILTER, socket(7)). */
export function locksFilter(fd: number): boolean {
  return getOption(fd, abi.SOL_SOCKET, abi.SO_LOCK_FILTER) === 1;
}
