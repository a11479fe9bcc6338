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
import {
  bindSocket,
  bindToDevice,
  listenOn,
  newSocket,
  setOption,
  type SocketType,
} from "../../ffi/sockets/socket.ts";
import {
  canonicalHost,
  type InternetAddress,
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
  readonly file?: FileIdentity;
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
): BoundSocket {
  return hasHost(address)
    ? { socket: internetSocket(address, options) }
    : unixSocket(address, options, access);
}

function internetSocket(
  address: HostAddress,
  options: WireOptions,
): Descriptor {
  const { kind, v6only, device } = address;
  const target = numericTarget(address);
  const socket = newSocket(target, TYPES[kind]);
  try {
    // With SO_REUSEADDR a TCP port can be bound while connections of its last
    // owner are in TIME_WAIT. A UDP port would be shared with other sockets.
    if (kind === "tcp") {
      setOption(socket.fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1, "SO_REUSEADDR");
    }
    if (target.family === "ipv6") {
      const { IPPROTO_IPV6, IPV6_V6ONLY } = abi;
      const value = v6only ? 1 : 0;
      setOption(socket.fd, IPPROTO_IPV6, IPV6_V6ONLY, value, "IPV6_V6ONLY");
    }
    setSocketOptions(socket.fd, target.family, options);
    if (device !== undefined) bindToDevice(socket.fd, device);
    bindSocket(socket.fd, target);
    listenIfQueued(socket.fd, address, options);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function unixSocket(
  address: PathAddress,
  options: WireOptions,
  access: FileAccess,
): BoundSocket {
  const { kind, path } = address;
  const socket = newSocket({ family: "unix" }, TYPES[kind]);
  let file: FileIdentity | undefined;
  try {
    setSocketOptions(socket.fd, "unix", options);
    if (path.startsWith("@")) {
      bindSocket(socket.fd, { family: "unix", path });
    } else {
      file = bindToPath(socket.fd, path, access);
    }
    listenIfQueued(socket.fd, address, options);
    return { socket, ...(file && { file }) };
  } catch (error) {
    if (file !== undefined) removeSocketFile(path, file);
    socket.close();
    throw error;
  }
}

function listenIfQueued(
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
}

/**
 * Applies options to a bound socket. The kernel may ignore some of them once a
 * socket listens.
 *
 * @throws {OsError} EPERM and other errors of setsockopt(2) and chown(2).
 */
export function changeSocket(
  { address, socket, file }: Changeable,
  changed: WireOptions,
  { mode, uid, gid }: FileAccess,
): void {
  const family = hasHost(address) ? numericTarget(address).family : "unix";
  setSocketOptions(socket.fd, family, changed);
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
