/**
 * Creates, checks and removes the file of a UNIX socket.
 *
 * @module
 */
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import {
  type FileAccess,
  type FileIdentity,
  type FileStatus,
  realPath,
  sameFile,
  setAccess,
  statusOf,
  unlink,
  withUmask,
} from "../../ffi/files/file.ts";
import { userId } from "../../ffi/processes/process.ts";
import { bindSocket, newSocket, tryConnect } from "../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../ffi/sockets/socket_address.ts";
import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { normalize } from "@std/path/posix/normalize";

/** What a path refers to. A dead socket is one that nothing listens on. */
export type PathState = "free" | "dead socket" | "live socket" | "other file";

/** Checks a path without following a link at its end. */
export function pathStateOf(path: string): PathState {
  const found = statusOf(path);
  if (found === undefined) return "free";
  return found.isSocket ? socketAt(path) : "other file";
}

const LIVE: ReadonlySet<number> = new Set([
  0,
  Errno.EPROTOTYPE,
  // A datagram socket that is connected to another one.
  Errno.EPERM,
  // The receive queue is full.
  Errno.EAGAIN,
]);

function socketAt(path: string): "dead socket" | "live socket" {
  const address: UnixAddress = { family: "unix", path };
  // The probe is a datagram socket: connect(2) to a live stream socket fails
  // with EPROTOTYPE, and the server on it does not notice.
  using probe = newSocket(address, "datagram", { nonblocking: true });
  const errno = tryConnect(probe.fd, address);
  if (errno === Errno.ECONNREFUSED) return "dead socket";
  if (LIVE.has(errno)) return "live socket";
  throw new OsError("connect", errno, path);
}

/** Removes the socket at a path if it is dead. */
export function removeDeadSocket(path: string): void {
  const found = statusOf(path);
  if (found?.isSocket && socketAt(path) === "dead socket") {
    removeIfStill(path, found);
  }
}

/**
 * Binds a socket to a free path. No client can connect before the file has the
 * mode, the owner and the group of `access`: until it is handed to another owner
 * or group it has no permissions.
 *
 * @param creator the user whose rights are in force
 * @throws {OsError} EADDRINUSE, EACCES, ENOENT, EPERM, ...
 */
export function bindFile(
  fd: number,
  path: string,
  { mode, ...owners }: FileAccess & { mode: number },
  creator: number = userId(),
): FileIdentity {
  const changesOwner = owners.uid !== undefined || owners.gid !== undefined;
  const mask = changesOwner ? 0o777 : 0o777 & ~mode;
  withUmask(mask, () => bindSocket(fd, { family: "unix", path }));
  const file = newFileAt(path, creator);
  if (changesOwner) {
    try {
      setAccess(path, file, { mode, ...owners });
    } catch (error) {
      removeIfStill(path, file);
      throw error;
    }
  }
  return { device: file.device, inode: file.inode };
}

/**
 * The file that bind(2) has just created. Another user who can write to the
 * directory may have replaced it: then this throws.
 */
function newFileAt(path: string, creator: number): FileIdentity {
  let file: FileStatus | undefined;
  try {
    file = statusOf(path);
  } catch (error) {
    // The caller cannot remove a file that it does not know.
    unlink(path);
    throw error;
  }
  if (!file?.isSocket || file.uid !== creator || file.links !== 1) {
    throw new OsError("bind", Errno.ENOENT, path);
  }
  return file;
}

/** Removes a path if it still refers to `file`. */
export function removeIfStill(path: string, file: FileIdentity): void {
  try {
    const found = statusOf(path);
    if (found !== undefined && sameFile(found, file)) unlink(path);
  } catch (error) {
    // The directory was removed or cannot be used: the file stays.
    if (!(error instanceof OsError)) throw error;
  }
}

const UNREACHABLE: ReadonlySet<number> = new Set([
  Errno.ENOENT,
  Errno.EACCES,
  Errno.ENOTDIR,
]);

/**
 * Resolves the links and `..` in the directory of a path. A normalized path in a
 * directory that cannot be reached is returned as it is: the daemon may hold a
 * socket that was bound there.
 *
 * @throws {OsError} ENOENT, EACCES, ... for a path that is not normalized.
 */
export function canonicalPath(path: string): string {
  try {
    return join(realPath(dirname(path)), basename(path));
  } catch (error) {
    const unreachable = error instanceof OsError &&
      UNREACHABLE.has(error.errno);
    if (unreachable && normalize(path) === path) return path;
    throw error;
  }
}
