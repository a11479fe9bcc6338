/**
 * Creates and removes the socket file of a bind, even if other users can write
 * to directories of its path (path_rights.ts).
 *
 * @module
 */
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import type { FileAccess, FileIdentity } from "../../ffi/files/file.ts";
import { withPathRights } from "./path_rights.ts";
import { bindError } from "../requests/request_error.ts";
import {
  bindFile,
  canonicalPath,
  pathStateOf,
  removeDeadSocket,
  removeIfStill,
} from "./socket_file.ts";

/** Permissions of a socket file: its owner and its group may connect. */
const DEFAULT_FILE_MODE = 0o660;

/**
 * Binds a socket to a canonical path. A dead socket at the path is replaced, and
 * the file of a socket that the daemon has created, `own`.
 *
 * @throws {OsError} EADDRINUSE, EACCES, ENOENT, EPERM, ...
 */
export function bindToPath(
  fd: number,
  path: string,
  access: FileAccess,
  own?: FileIdentity,
): FileIdentity {
  return withPathRights(path, (user) => {
    if (own !== undefined) removeIfStill(path, own);
    removeDeadSocketAt(path);
    const complete = { mode: DEFAULT_FILE_MODE, ...access };
    const file = bindFile(fd, path, complete, user);
    try {
      if (canonicalPath(path) === path) return file;
      throw bindError(
        new Error(`${path} was redirected by a link during the bind`),
      );
    } catch (error) {
      removeIfStill(path, file);
      throw error;
    }
  });
}

/** Throws if the path is in use. */
function removeDeadSocketAt(path: string): void {
  switch (pathStateOf(path)) {
    case "free":
      return;
    case "dead socket":
      removeDeadSocket(path);
      return;
    case "live socket":
      throw new OsError("bind", Errno.EADDRINUSE, path);
    case "other file":
      throw new OsError(
        "bind",
        Errno.EADDRINUSE,
        `${path}, which is not a socket`,
      );
  }
}

/** Removes the file of a bind if it is still at its path. */
export function removeSocketFile(path: string, file: FileIdentity): void {
  try {
    withPathRights(path, () => removeIfStill(path, file));
  } catch (error) {
    // The path is not safe any more, or a directory was removed: the file stays.
    if (!(error instanceof OsError)) throw error;
  }
}
