/**
 * Sockets: socket(2), bind(2), listen(2), accept(2), connect(2) and the
 * options of socket(7).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { cString } from "../libc/c_string.ts";
import { Descriptor } from "../files/descriptor.ts";
import {
  check,
  Errno,
  lastErrno,
  OsError,
  withoutWaiting,
} from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import {
  domainOf,
  encodeSocketAddress,
  formatSocketAddress,
  type SocketAddress,
} from "./socket_address.ts";

/** The type of a socket (socket(2)). */
export type SocketType = "stream" | "datagram" | "seqpacket";

const TYPES: Readonly<Record<SocketType, number>> = {
  stream: abi.SOCK_STREAM,
  datagram: abi.SOCK_DGRAM,
  seqpacket: abi.SOCK_SEQPACKET,
};

/** A new socket of the address's family, close-on-exec. */
export function newSocket(
  { family }: Pick<SocketAddress, "family">,
  type: SocketType,
  options: { nonblocking?: boolean } = {},
): Descriptor {
  const flags = abi.SOCK_CLOEXEC |
    (options.nonblocking ? abi.SOCK_NONBLOCK : 0);
  return new Descriptor(
    check(libc().socket(domainOf(family), TYPES[type] | flags, 0), "socket"),
  );
}

/** A new stream socket, close-on-exec. */
export function streamSocket(
  address: SocketAddress,
  options: { nonblocking?: boolean } = {},
): Descriptor {
  return newSocket(address, "stream", options);
}

/** A new datagram socket of unix(7), close-on-exec and blocking. */
export function unixDatagramSocket(): Descriptor {
  return newSocket({ family: "unix" }, "datagram");
}

/** bind(2): gives the socket its address. */
export function bindSocket(fd: number, address: SocketAddress): void {
  const bytes = encodeSocketAddress(address);
  check(
    libc().bind(fd, bytes, bytes.length),
    "bind",
    formatSocketAddress(address),
  );
}

/**
 * listen(2). On a listening socket it changes the backlog, which the kernel
 * caps at `net.core.somaxconn`.
 */
export function listenOn(fd: number, backlog: number): void {
  check(libc().listen(fd, backlog), "listen");
}

/** connect(2). Returns 0 or the errno. */
export function tryConnect(fd: number, address: SocketAddress): number {
  const bytes = encodeSocketAddress(address);
  return libc().connect(fd, bytes, bytes.length) === -1 ? lastErrno() : 0;
}

// Errors of accept(2) that concern one connection, not the listening socket.
const GONE_BEFORE_ACCEPT: ReadonlySet<number> = new Set([
  Errno.EINTR,
  Errno.ECONNABORTED,
]);

/**
 * Accepts a connection from a non-blocking listening socket (accept4(2)).
 * Returns its descriptor, close-on-exec and non-blocking, or -1 when the accept
 * queue is empty.
 *
 * @throws {OsError} EMFILE, ENFILE, ENOBUFS or ENOMEM.
 */
export function acceptConnection(fd: number): number {
  while (true) {
    const flags = abi.SOCK_CLOEXEC | abi.SOCK_NONBLOCK;
    const accepted = libc().accept4(fd, 0n, 0n, flags);
    if (accepted !== -1) return accepted;
    const errno = lastErrno();
    if (errno === Errno.EAGAIN) return -1;
    if (!GONE_BEFORE_ACCEPT.has(errno)) throw new OsError("accept4", errno);
  }
}

const option = new Int32Array(1);
const optionBytes = new Uint8Array(option.buffer);
const optionLength = new Uint32Array(1);
const optionLengthBytes = new Uint8Array(optionLength.buffer);

/** Sets a socket option that is a C int. Errors mention `name`. */
export function setOption(
  fd: number,
  level: number,
  optname: number,
  value: number,
  name: string,
): void {
  option[0] = value;
  check(
    libc().setsockopt(fd, level, optname, optionBytes, 4),
    "setsockopt",
    name,
  );
}

/** Reads a socket option that is a C int. */
export function getOption(fd: number, level: number, optname: number): number {
  optionLength[0] = 4;
  check(
    libc().getsockopt(fd, level, optname, optionBytes, optionLengthBytes),
    "getsockopt",
  );
  return option[0]!;
}

/** Whether the socket listens (SO_ACCEPTCONN). */
export function isListening(fd: number): boolean {
  return getOption(fd, abi.SOL_SOCKET, abi.SO_ACCEPTCONN) === 1;
}

/** Binds the socket to a network interface (SO_BINDTODEVICE, socket(7)). */
export function bindToDevice(fd: number, device: string): void {
  const name = cString(device);
  const { SOL_SOCKET, SO_BINDTODEVICE } = abi;
  check(
    libc().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length),
    "setsockopt",
    `SO_BINDTODEVICE ${device}`,
  );
}

const deviceName = new Uint8Array(16);
const decoder = new TextDecoder();

/** The network interface that the socket is bound to, if any. */
export function boundDevice(fd: number): string | undefined {
  optionLength[0] = deviceName.length;
  const { SOL_SOCKET, SO_BINDTODEVICE } = abi;
  check(
    libc().getsockopt(
      fd,
      SOL_SOCKET,
      SO_BINDTODEVICE,
      deviceName,
      optionLengthBytes,
    ),
    "getsockopt",
    "SO_BINDTODEVICE",
  );
  if (optionLength[0] === 0) return undefined;
  const name = decoder.decode(deviceName.subarray(0, optionLength[0]));
  return name.replace(/\0.*$/s, "") || undefined;
}

/** Kinds of socket that a server can use. */
export type ServingKind = "tcp" | "udp" | "unix" | "seqpacket" | "unixgram";

/**
 * The kind of a socket that a server can use; `undefined` for another family
 * and for a stream socket that does not listen.
 *
 * @throws {OsError} ENOTSOCK, EBADF.
 */
export function servingKind(fd: number): ServingKind | undefined {
  const kind = socketKind(fd);
  if (kind === undefined || kind === "udp" || kind === "unixgram") return kind;
  return isListening(fd) ? kind : undefined;
}

/**
 * The kind of a socket, whether it listens or not; `undefined` for another
 * family.
 *
 * @throws {OsError} ENOTSOCK, EBADF.
 */
export function socketKind(fd: number): ServingKind | undefined {
  const type = getOption(fd, abi.SOL_SOCKET, abi.SO_TYPE);
  const domain = getOption(fd, abi.SOL_SOCKET, abi.SO_DOMAIN);
  const isUnix = domain === abi.AF_UNIX;
  if (!isUnix && domain !== abi.AF_INET && domain !== abi.AF_INET6) {
    return undefined;
  }
  if (type === abi.SOCK_DGRAM) return isUnix ? "unixgram" : "udp";
  if (type === abi.SOCK_STREAM) return isUnix ? "unix" : "tcp";
  return isUnix && type === abi.SOCK_SEQPACKET ? "seqpacket" : undefined;
}

/** The process at the other end of a UNIX socket. */
export interface Peer {
  /** The process that connected. */
  pid: number;
  /** Its user. */
  uid: number;
  /** Its group. */
  gid: number;
}

const { ucred } = abi.layouts;
const credentials = new Uint8Array(ucred.size);
const credentialsView = viewOf(credentials);

/**
 * The peer as the kernel recorded it when it connected (SO_PEERCRED, unix(7)).
 */
export function peerOf(fd: number): Peer {
  optionLength[0] = ucred.size;
  check(
    libc().getsockopt(
      fd,
      abi.SOL_SOCKET,
      abi.SO_PEERCRED,
      credentials,
      optionLengthBytes,
    ),
    "getsockopt",
    "SO_PEERCRED",
  );
  return {
    pid: credentialsView.getInt32(ucred.pid, true),
    uid: credentialsView.getUint32(ucred.uid, true),
    gid: credentialsView.getUint32(ucred.gid, true),
  };
}

/**
 * recv(2) without waiting. Returns the number of bytes, 0 at the end of the
 * stream, or -1 when no data is available. The kernel closes descriptors that
 * the peer sends, because recv(2) has no room for them.
 *
 * @throws {OsError} ECONNRESET and the like.
 */
export function receive(fd: number, into: Uint8Array<ArrayBuffer>): number {
  const length = BigInt(into.length);
  return withoutWaiting(
    "recv",
    () => libc().recv(fd, into, length, abi.MSG_DONTWAIT),
  );
}

/**
 * send(2) without waiting and without SIGPIPE. Returns the number of bytes
 * sent, or -1 when the buffer is full.
 *
 * @throws {OsError} EPIPE and the like.
 */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  const length = BigInt(bytes.length);
  const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
  return withoutWaiting("send", () => libc().send(fd, bytes, length, flags));
}
