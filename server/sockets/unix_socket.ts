/**
 * The file of a bind to a path, wherever others may write on the way there.
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
  occupantOf,
  removeDeadSocket,
  removeIfStill,
} from "./socket_file.ts";

/** Permissions of a UNIX socket's file: its owner and its group. */
const DEFAULT_FILE_MODE = 0o660;

/**
 * Binds a socket to a canonical path, in the place of a dead one's if there is
 * one.
 *
 * @throws {OsError} EADDRINUSE, EACCES, ENOENT, EPERM, ...
 */
export function bindToPath(
  fd: number,
  path: string,
  access: FileAccess,
): FileIdentity {
  return withPathRights(path, (user) => {
    makeRoom(path);
    const complete = { mode: DEFAULT_FILE_MODE, ...access };
    const file = bindFile(fd, path, complete, user);
    try {
      if (canonicalPath(path) === path) return file;
      throw bindError(new Error(`${path} leads somewhere else by now`));
    } catch (error) {
      removeIfStill(path, file);
      throw error;
    }
  });
}

function makeRoom(path: string): void {
  switch (occupantOf(path)) {
    case "nothing":
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
        `${path}, which is no socket`,
      );
  }
}

/** Removes the file of a bind, if it is still at its path. */
export function removeSocketFile(path: string, file: FileIdentity): void {
  try {
    withPathRights(path, () => removeIfStill(path, file));
  } catch (error) {
    // Where the way there is not safe, or gone, the file stays.
    if (!(error instanceof OsError)) throw error;
  }
}
