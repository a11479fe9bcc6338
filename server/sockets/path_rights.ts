/**
 * With whose rights a path may be used. Who may write one of the directories
 * on the way can put a link in the place of the next one between any two
 * calls, and have a socket made or a file removed elsewhere, where he could
 * not by himself. So the daemon goes that way with his rights, not its own.
 *
 * The directory that the file itself is in may be anybody's: bind(2) and
 * unlink(2) follow no link there.
 *
 * @module
 */
import { abi } from "../../ffi/libc/abi.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { type FileStatus, statusOf } from "../../ffi/files/file.ts";
import { withRightsOf } from "../../ffi/files/file_rights.ts";
import { userId } from "../../ffi/processes/process.ts";
import { dirname } from "@std/path/posix/dirname";

/** Writable by the group or by others. */
const OPEN = 0o022;

/**
 * Runs `action` on a path without links, with the rights of the user who could
 * change where it leads, whom it is told; of the daemon's where nobody else
 * can.
 *
 * @throws {OsError} EPERM where several could, or where the daemon cannot take
 * on their rights; ENOENT, ENOTDIR for a directory that is none any more.
 */
export function withPathRights<T>(
  path: string,
  action: (user: number) => T,
): T {
  const user = userToActAs(path);
  return user === undefined
    ? action(userId())
    : withRightsOf(user, () => action(user));
}

function userToActAs(path: string): number | undefined {
  let user: number | undefined;
  const directories = directoriesTo(path);
  for (const [index, directory] of directories.slice(0, -1).entries()) {
    for (const other of moversOf(directory, directories[index + 1]!)) {
      if (user !== undefined && user !== other) throw severalIn(directory);
      user = other;
    }
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
function moversOf(directory: string, entry: string): number[] {
  const { mode, uid } = directoryAt(directory);
  const owner = isOurs(uid) ? [] : [uid];
  if ((mode & OPEN) === 0) return owner;
  // Of a sticky directory only its owner and the entry's may move it.
  if ((mode & abi.S_ISVTX) === 0) throw severalIn(directory);
  const { uid: ofEntry } = directoryAt(entry);
  return isOurs(ofEntry) ? owner : [...owner, ofEntry];
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === userId();
}

function severalIn(directory: string): OsError {
  return new OsError(
    "open",
    Errno.EPERM,
    `${directory}, in which others may put one directory in the place of another`,
  );
}
