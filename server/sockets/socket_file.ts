/**
 * The file of a UNIX socket: what is at its path, making it so that nobody can
 * connect too early, and removing it if it is still the same.
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

/** What is at a path. */
export type Occupant = "nothing" | "dead socket" | "live socket" | "other file";

/** What is at a path; a link is another file. */
export function occupantOf(path: string): Occupant {
  const found = statusOf(path);
  if (found === undefined) return "nothing";
  return found.isSocket ? socketAt(path) : "other file";
}

const LIVE: ReadonlySet<number> = new Set([
  0,
  Errno.EPROTOTYPE,
  // A datagram socket that takes from one sender only.
  Errno.EPERM,
  // Its queue is full.
  Errno.EAGAIN,
]);

function socketAt(path: string): "dead socket" | "live socket" {
  const address: UnixAddress = { family: "unix", path };
  // A datagram socket gets no connection to a stream socket that lives, only
  // word that it is of another type: whoever serves there notices nothing.
  using probe = newSocket(address, "datagram", { nonblocking: true });
  const errno = tryConnect(probe.fd, address);
  if (errno === Errno.ECONNREFUSED) return "dead socket";
  if (LIVE.has(errno)) return "live socket";
  throw new OsError("connect", errno, path);
}

/** Removes a dead socket, if it is still dead. */
export function removeDeadSocket(path: string): void {
  const found = statusOf(path);
  if (found?.isSocket && socketAt(path) === "dead socket") {
    removeIfStill(path, found);
  }
}

/**
 * bind(2) to a path where nothing is, by `maker`, whose rights are in force. Nobody can connect before the file is
 * as `access` says: without an owner or a group it is so from its first
 * moment, else it has no permissions until it belongs to them.
 *
 * @throws {OsError} EADDRINUSE, EACCES, ENOENT, EPERM, ...
 */
export function bindFile(
  fd: number,
  path: string,
  { mode, ...owners }: FileAccess & { mode: number },
  maker: number = userId(),
): FileIdentity {
  const changesHands = owners.uid !== undefined || owners.gid !== undefined;
  const mask = changesHands ? 0o777 : 0o777 & ~mode;
  withUmask(mask, () => bindSocket(fd, { family: "unix", path }));
  const file = fileOfNew(path, maker);
  if (changesHands) {
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
 * The file that was made a moment ago. Who may write the directory may have
 * put another in its place, which must not be taken for ours.
 */
function fileOfNew(path: string, maker: number): FileIdentity {
  let file: FileStatus | undefined;
  try {
    file = statusOf(path);
  } catch (error) {
    // Nobody else would remove it.
    unlink(path);
    throw error;
  }
  if (!file?.isSocket || file.uid !== maker || file.links !== 1) {
    throw new OsError("bind", Errno.ENOENT, path);
  }
  return file;
}

/** Removes what is at a path, if it is still that file. */
export function removeIfStill(path: string, file: FileIdentity): void {
  try {
    const found = statusOf(path);
    if (found !== undefined && sameFile(found, file)) unlink(path);
  } catch (error) {
    // Where the directory is gone or closed to us, nothing is left to do.
    if (!(error instanceof OsError)) throw error;
  }
}

const UNREACHABLE: ReadonlySet<number> = new Set([
  Errno.ENOENT,
  Errno.EACCES,
  Errno.ENOTDIR,
]);

/**
 * The path with its directory as it really is, without links and `..`: one
 * spelling for one place. A plain path into a directory that cannot be reached
 * stays as it is: a socket may be held that was bound there.
 *
 * @throws {OsError} ENOENT, EACCES, ... for one that is not plain.
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
