import {
  type Address,
  formatAddress,
  hasHost,
  type HostAddress,
  type PathAddress,
} from "../../address.ts";
import { abi } from "../../ffi/libc/abi.ts";
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import {
  type FileAccess,
  type FileIdentity,
  setAccess,
} from "../../ffi/files/file.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import {
  bindSocket,
  bindToDevice,
  getOption,
  listenOn,
  newSocket,
  setOption,
  type SocketType,
} from "../../ffi/sockets/socket.ts";
import {
  canonicalHost,
  type InternetAddress,
  localAddress,
} from "../../ffi/sockets/socket_address.ts";
import {
  DEFAULT_BACKLOG,
  hasBacklog,
  type WireOptions,
} from "../../protocol.ts";
import { setSocketOptions } from "./bind_options.ts";
import { bindError } from "../requests/request_error.ts";
import { bindToPath, removeSocketFile } from "./unix_socket.ts";

const TYPES: Readonly<Record<Address["kind"], SocketType>> = {
  tcp: "stream",
  udp: "datagram",
  unix: "stream",
  seqpacket: "seqpacket",
  unixgram: "datagram",
};

/** A bound socket. It listens if its kind has an accept queue. */
export interface BoundSocket {
  readonly socket: Descriptor;
  /** The file of a socket that is bound to a path. */
  readonly file?: FileIdentity | undefined;
  /** Where a socket is bound that has a host. */
  readonly name?: InternetAddress | undefined;
}

/** The socket that a new one replaces. */
export interface Predecessor {
  /** Its file, which is removed if it is still at its path. */
  readonly file?: FileIdentity | undefined;
  /** Its port, if the kernel chose it. */
  readonly port?: number | undefined;
  /** Whether it is still bound to a UDP address that the new socket needs. */
  readonly sharesAddress?: boolean;
  /** Prepares a new socket before bind(2). */
  readonly prepare?: ((fd: number) => void) | undefined;
}

/**
 * Creates the socket of a canonical address: blocking, close-on-exec.
 *
 * @throws {OsError} EADDRINUSE, EACCES, EADDRNOTAVAIL, ... or EMFILE.
 */
export function boundSocket(
  address: Address,
  options: WireOptions,
  access: FileAccess,
  predecessor: Predecessor = {},
): BoundSocket {
  return hasHost(address)
    ? internetSocket(address, options, predecessor)
    : unixSocket(address, options, access, predecessor);
}

function internetSocket(
  address: HostAddress,
  options: WireOptions,
  { port = address.port, sharesAddress = false, prepare }: Predecessor,
): BoundSocket {
  const { kind, v6only, device } = address;
  const [socket, { family, host }] = unboundSocket(address);
  const target: InternetAddress = { family, host, port };
  try {
    // With SO_REUSEADDR a TCP port can be bound while connections of its last
    // owner are in TIME_WAIT. A UDP port would be shared with other sockets.
    if (kind === "tcp" || sharesAddress) setReuseAddress(socket.fd, true);
    if (family === "ipv6") setV6only(socket.fd, v6only);
    setSocketOptions(socket.fd, family, options);
    if (device !== undefined) bindToDevice(socket.fd, device);
    prepare?.(socket.fd);
    bindSocket(socket.fd, target);
    if (sharesAddress) setReuseAddress(socket.fd, false);
    listenIfQueued(socket.fd, address, options);
    return { socket, name: boundName(socket.fd, target) };
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** A new socket and its address: IPv4 for `:PORT` where IPv6 is switched off. */
function unboundSocket(address: HostAddress): [Descriptor, InternetAddress] {
  const target = numericTarget(address);
  const type = TYPES[address.kind];
  try {
    return [newSocket(target, type), target];
  } catch (error) {
    const isOff = error instanceof OsError &&
      error.errno === Errno.EAFNOSUPPORT;
    if (!isOff || address.host !== "::" || address.v6only) throw error;
    return [newSocket({ family: "ipv4" }, type), everyIpv4(target)];
  }
}

function everyIpv4({ port }: InternetAddress): InternetAddress {
  return { family: "ipv4", host: "0.0.0.0", port };
}

/** Sets or clears IPV6_V6ONLY (ipv6(7)) of a socket that has no port. */
export function setV6only(fd: number, on: boolean): void {
  const { IPPROTO_IPV6, IPV6_V6ONLY } = abi;
  setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, on ? 1 : 0, "IPV6_V6ONLY");
}

/** Sets or clears SO_REUSEADDR (socket(7)). */
export function setReuseAddress(fd: number, on: boolean): void {
  const { SOL_SOCKET, SO_REUSEADDR } = abi;
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, on ? 1 : 0, "SO_REUSEADDR");
}

/** An address, with the port that the kernel chose for port 0. */
function boundName(fd: number, target: InternetAddress): InternetAddress {
  if (target.port !== 0) return target;
  const bound = localAddress(fd);
  return { ...target, port: bound.family === "unix" ? 0 : bound.port };
}

/**
 * Where a socket of this address was bound, whatever its holders have done to it
 * since.
 *
 * @param port the port that the kernel chose for port 0, if it is known
 */
export function nameOf(
  address: HostAddress,
  fd: number,
  port: number | undefined,
): InternetAddress {
  const target = numericTarget(address);
  const isIpv4 = target.host === "::" && !address.v6only &&
    getOption(fd, abi.SOL_SOCKET, abi.SO_DOMAIN) === abi.AF_INET;
  const family = isIpv4 ? everyIpv4(target) : target;
  return boundName(fd, { ...family, port: port ?? target.port });
}

function unixSocket(
  address: PathAddress,
  options: WireOptions,
  access: FileAccess,
  predecessor: Predecessor,
): BoundSocket {
  const { kind, path } = address;
  const socket = newSocket({ family: "unix" }, TYPES[kind]);
  let file: FileIdentity | undefined;
  try {
    setSocketOptions(socket.fd, "unix", options);
    if (path.startsWith("@")) {
      bindSocket(socket.fd, { family: "unix", path });
    } else {
      file = bindToPath(socket.fd, path, access, predecessor.file);
    }
    listenIfQueued(socket.fd, address, options);
    return { socket, ...(file && { file }) };
  } catch (error) {
    if (file !== undefined) removeSocketFile(path, file);
    socket.close();
    throw error;
  }
}

/** listen(2) for kinds that have an accept queue. */
export function listenIfQueued(
  fd: number,
  { kind }: Address,
  { backlog = DEFAULT_BACKLOG }: WireOptions,
): void {
  if (hasBacklog(kind)) listenOn(fd, backlog);
}

/** The address for bind(2). Throws a TypeError if the host is a name. */
function numericTarget(address: HostAddress): InternetAddress {
  const numeric = canonicalHost(address.host);
  if (numeric === undefined) {
    throw new TypeError(`${formatAddress(address)} is not numeric`);
  }
  return { ...numeric, port: address.port };
}

/** A bound socket whose options can change. */
interface Changeable {
  readonly address: Address;
  readonly socket: { readonly fd: number };
  readonly file: FileIdentity | undefined;
  readonly name: InternetAddress | undefined;
}

/**
 * Applies options to a bound socket. The kernel may ignore some of them once a
 * socket listens.
 *
 * @throws {OsError} EPERM and other errors of setsockopt(2) and chown(2).
 */
export function changeSocket(
  { address, socket, file, name }: Changeable,
  changed: WireOptions,
  { mode, uid, gid }: FileAccess,
): void {
  setSocketOptions(socket.fd, name?.family ?? "unix", changed);
  if (changed.backlog !== undefined) listenOn(socket.fd, changed.backlog);
  const ofFile = changed.mode ?? changed.owner ?? changed.group;
  if (hasHost(address) || ofFile === undefined) return;
  if (file === undefined) {
    throw bindError(
      new Error(`${address.path} was not created by this daemon`),
    );
  }
  if (changed.mode !== undefined) setAccess(address.path, file, { mode });
  if (changed.owner !== undefined) setAccess(address.path, file, { uid });
  if (changed.group !== undefined) setAccess(address.path, file, { gid });
}
