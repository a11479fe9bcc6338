/**
 * With whose rights a path may be used. Who may write one of the directories
 * on the way can put a link in the place of the next one between any two
 * calls, and have a socket made or a file removed elsewhere, where he could
 * not by himself. So the daemon goes that way with his rights, not its own.
 *
 * @module
 */
import { abi } from "../ffi/abi.ts";
import { Errno, OsError } from "../ffi/errno.ts";
import { type FileStatus, statusOf } from "../ffi/file.ts";
import { withRightsOf } from "../ffi/file_rights.ts";
import { userId } from "../ffi/process.ts";
import { dirname } from "@std/path/posix/dirname";

/** Writable by the group or by others. */
const OPEN = 0o022;

/**
 * Runs `action` on a path without links, with the rights of whoever could
 * change where it leads; with the daemon's where nobody else can.
 *
 * @throws {OsError} EPERM where several could, or where the daemon cannot take
 * on their rights; ENOENT, ENOTDIR for a directory that is none any more.
 */
export function withPathRights<T>(path: string, action: () => T): T {
  const user = userToActAs(path);
  return user === undefined ? action() : withRightsOf(user, action);
}

function userToActAs(path: string): number | undefined {
  let user: number | undefined;
  const directories = directoriesTo(path);
  for (const [index, directory] of directories.slice(0, -1).entries()) {
    const status = directoryAt(directory);
    const owner = ownerOfEntry(status, directories[index + 1]!, directory);
    if (owner === undefined) continue;
    if (user !== undefined && user !== owner) {
      throw new OsError("open", Errno.EPERM, changeable(directory));
    }
    user = owner;
  }
  return user;
}

/** From the root to the directory that the path is in. */
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

/** Who but root and the daemon could put something else in an entry's place. */
function ownerOfEntry(
  status: FileStatus,
  entry: string,
  directory: string,
): number | undefined {
  if (!isOurs(status)) return status.uid;
  if ((status.mode & OPEN) === 0) return undefined;
  // Of a sticky directory only the owner of an entry may move it.
  if ((status.mode & abi.S_ISVTX) === 0) {
    throw new OsError("open", Errno.EPERM, changeable(directory));
  }
  const of = directoryAt(entry);
  return isOurs(of) ? undefined : of.uid;
}

function isOurs({ uid }: FileStatus): boolean {
  return uid === 0 || uid === userId();
}

function changeable(directory: string): string {
  return `${directory}, in which others may put one directory in the place of another`;
}
