/**
 * Chooses the rights with which the daemon uses a path. A user who can write to
 * a directory of the path can replace the next directory with a link between two
 * system calls, and so make the daemon create a socket or remove a file where
 * that user cannot. So the daemon uses such a path with the rights of that user.
 *
 * The last directory does not matter: bind(2) and unlink(2) follow no link there.
 *
 * @module
 */
import { abi } from "../../ffi/libc/abi.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { type FileStatus, statusOf } from "../../ffi/files/file.ts";
import { rightsOf, withRightsOf } from "../../ffi/files/file_rights.ts";
import { userId } from "../../ffi/processes/process.ts";
import type { Peer } from "../../ffi/sockets/socket.ts";
import { canonicalPath } from "./socket_file.ts";
import { dirname } from "@std/path/posix/dirname";

/** Write permission for the group or for others. */
const SHARED = 0o022;

/**
 * Runs `action` on a path without links. If a user other than root and the
 * daemon can redirect the path, `action` runs with the rights of that user.
 * `action` gets the id of the user whose rights it has.
 *
 * @throws {OsError} EPERM if several users can redirect the path or if the daemon
 * cannot assume the rights; ENOENT or ENOTDIR for a missing directory.
 */
export function withPathRights<T>(
  path: string,
  action: (user: number) => T,
): T {
  const user = userToActAs(path);
  return user === undefined
    ? action(userId())
    : withRightsOf(rightsOf(user), () => action(user));
}

/** A client, as the kernel recorded it: unix(7). */
interface PathClient {
  readonly peer: Peer;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/**
 * Resolves the links and `..` in the directory of a path with the rights of the
 * client, which so learns nothing about files that it may not see. A daemon that is
 * not root can only use its own rights.
 *
 * @throws {OsError} EACCES if the client may not search a directory, whether the
 * file exists or not; EPERM if a root daemon cannot assume the rights.
 */
export function pathSeenBy(client: PathClient, path: string): string {
  const { uid, gid } = client.peer;
  if (userId() !== 0 || uid === 0) return canonicalPath(path);
  return withRightsOf({ uid, gid, groups: client.groups }, () => {
    // realpath(3) does not search the last directory.
    statusOf(`${dirname(path)}/.`);
    return canonicalPath(path);
  });
}

function userToActAs(path: string): number | undefined {
  let user: number | undefined;
  const directories = directoriesTo(path);
  for (const [index, directory] of directories.slice(0, -1).entries()) {
    const replacers = replacersOf(directory, directories[index + 1]!);
    for (const other of replacers) {
      if (user !== undefined && user !== other) {
        throw writableByOthers(directory);
      }
      user = other;
    }
  }
  return user;
}

/** The directories of a path, from the root on. */
function directoriesTo(path: string): string[] {
  const directories: string[] = [];
  for (let each = dirname(path);; each = dirname(each)) {
    directories.unshift(each);
    if (each === "/") return directories;
  }
}

function directoryAt(path: string): FileStatus {
  const status = statusOf(path);
  if (status === undefined) throw new OsError("open", Errno.ENOENT, path);
  if ((status.mode & abi.S_IFMT) === abi.S_IFDIR) return status;
  throw new OsError("open", Errno.ENOTDIR, path);
}

/** Users, other than root and the daemon's, that can replace an entry. */
function replacersOf(directory: string, entry: string): number[] {
  const { mode, uid } = directoryAt(directory);
  const owner = isTrusted(uid) ? [] : [uid];
  if ((mode & SHARED) === 0) return owner;
  // In a sticky directory only its owner and the entry's owner can rename it.
  if ((mode & abi.S_ISVTX) === 0) throw writableByOthers(directory);
  const { uid: ofEntry } = directoryAt(entry);
  return isTrusted(ofEntry) ? owner : [...owner, ofEntry];
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === userId();
}

function writableByOthers(directory: string): OsError {
  return new OsError(
    "open",
    Errno.EPERM,
    `${directory}, in which several users can replace a directory`,
  );
}
