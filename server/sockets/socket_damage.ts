/**
 * Finds what a holder has done to a held socket. Every holder shares the socket,
 * so each of them can shut it down, connect it, or remove its path.
 *
 * @module
 */
import { hasHost, type HostAddress, type PathAddress } from "../../address.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { sameFile, statusOf } from "../../ffi/files/file.ts";
import {
  boundDevice,
  getOption,
  isListening,
} from "../../ffi/sockets/socket.ts";
import {
  detachFilter,
  isBoundTo,
  isConnected,
  isShutDown,
  locksFilter,
} from "../../ffi/sockets/socket_state.ts";
import type { Bind } from "./bind_table.ts";
import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";

/** Why a held socket cannot be handed out. */
export type Damage =
  | "it does not listen"
  | "it is bound to another address"
  | "it is bound to another device"
  | "it has another IPV6_V6ONLY"
  | "it is connected"
  | "it is shut down"
  | "its path was removed or replaced"
  | "it has a locked filter";

/**
 * What makes a socket useless, if anything does. This is part of every `bind`,
 * so it makes few system calls.
 *
 * @throws {OsError} if the socket cannot be examined.
 */
export function damageOf(bind: Bind): Damage | undefined {
  const { address, socket } = bind;
  return hasHost(address)
    ? hostDamage(address, socket.fd, bind.name)
    : pathDamage(address, bind);
}

function hostDamage(
  address: HostAddress,
  fd: number,
  name: Bind["name"],
): Damage | undefined {
  const { kind, device } = address;
  if (kind === "tcp") {
    if (!isListening(fd)) return "it does not listen";
  } else {
    if (isConnected(fd)) return "it is connected";
    if (isShutDown(fd)) return "it is shut down";
  }
  if (name !== undefined && !isBoundTo(fd, name)) {
    return "it is bound to another address";
  }
  if (!isOnDevice(fd, device)) return "it is bound to another device";
  if (name !== undefined && !hasOwnV6only(fd, address, name)) {
    return "it has another IPV6_V6ONLY";
  }
  return undefined;
}

/**
 * Whether a socket of every IPv6 address serves IPv4 as it was bound to. A holder
 * can change that while the socket has no port (ipv6(7)).
 */
export function hasOwnV6only(
  fd: number,
  { host, v6only }: HostAddress,
  name: InternetAddress,
): boolean {
  if (host !== "::" || name.family !== "ipv6") return true;
  return (getOption(fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY) === 1) === v6only;
}

/** Unknown where the kernel or a sandbox does not report the device. */
function isOnDevice(fd: number, device: string | undefined): boolean {
  try {
    return boundDevice(fd) === device;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return true;
  }
}

/** A UNIX socket listens as long as it is open, and keeps its address. */
function pathDamage(
  { kind, path }: PathAddress,
  { socket: { fd }, file }: Bind,
): Damage | undefined {
  if (isShutDown(fd)) return "it is shut down";
  if (kind === "unixgram" && isConnected(fd)) return "it is connected";
  if (!hasFile(path, file)) return "its path was removed or replaced";
  return undefined;
}

/** Whether a path is still that of the socket. A host or a name has no file. */
export function isInPlace({ address, file }: Bind): boolean {
  return hasHost(address) || hasFile(address.path, file);
}

function hasFile(path: string, file: Bind["file"]): boolean {
  return path.startsWith("@") || isStillAt(path, file);
}

const GONE: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.ENOTDIR]);

/** A socket that the daemon did not create has no known file. */
function isStillAt(path: string, file: Bind["file"]): boolean {
  try {
    const found = statusOf(path);
    return found !== undefined &&
      (file === undefined ? found.isSocket : sameFile(found, file));
  } catch (error) {
    if (error instanceof OsError && GONE.has(error.errno)) return false;
    throw error;
  }
}

/** Removes a filter (SO_ATTACH_FILTER, socket(7)). Returns whether one is left. */
export function hasLockedFilter(
  { socket }: Bind,
  onDetached: () => void,
): boolean {
  const filter = detachFilter(socket.fd);
  if (filter === "detached") onDetached();
  return filter === "locked";
}

/** Whether a holder has locked the filter that the socket has (SO_LOCK_FILTER). */
export function isFilterLocked({ socket }: Bind): boolean {
  return locksFilter(socket.fd);
}
