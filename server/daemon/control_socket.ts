import { dirname } from "@std/path/posix/dirname";
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import {
  type FileIdentity,
  rename,
  unlink,
  withDirectoryLock,
} from "../../ffi/files/file.ts";
import { processId } from "../../ffi/processes/process.ts";
import { listenOn, streamSocket } from "../../ffi/sockets/socket.ts";
import { bindFile, occupantOf, removeIfStill } from "../sockets/socket_file.ts";

// The kernel caps it at net.core.somaxconn: as many as may wait do.
const BACKLOG = 4096;

/** Who may connect to the control socket. */
export interface ControlAccess {
  /** Permission bits. */
  mode: number;
  /** The group it belongs to. Default: the daemon's. */
  gid?: number;
}

/** The control socket's path is taken by somebody or something else. */
export class ControlSocketError extends Error {
  /** `ControlSocketError`. */
  override readonly name = "ControlSocketError";
}

/** The socket that clients connect to. */
export class ControlSocket {
  /** Listens; non-blocking and close-on-exec. */
  readonly descriptor: Descriptor;
  /** As given: relative to the directory the daemon was started in. */
  readonly path: string;
  /** The file at the path while it is ours; not where systemd made it. */
  readonly file: FileIdentity | undefined;

  /** Takes over a socket that listens at `path`. */
  constructor(
    descriptor: Descriptor,
    path: string,
    file: FileIdentity | undefined,
  ) {
    this.descriptor = descriptor;
    this.path = path;
    this.file = file;
  }

  /**
   * Listens at `path` with these permissions from the first moment on. A dead
   * socket there is replaced: `onReplaced` hears of it.
   *
   * @throws {ControlSocketError} when a live server or no socket is there.
   * @throws {OsError} when the path cannot be bound.
   */
  static listen(
    path: string,
    access: ControlAccess,
    onReplaced: () => void,
  ): ControlSocket {
    if (path.startsWith("@")) {
      throw new ControlSocketError(
        `${path} would be an abstract name, which has no permissions: write ./${path} for a file`,
      );
    }
    // Two daemons that start at once would both find the same dead socket,
    // and the slower one would remove the faster one's.
    return withDirectoryLock(dirname(path), () => {
      if (removeDead(path)) onReplaced();
      const { socket, file } = bindAt(path, access);
      return new ControlSocket(socket, path, file);
    });
  }

  /**
   * Takes the place of the server that listens at `path`: from one moment to
   * the next (rename(2)) whoever connects finds this socket. Those who have
   * connected stay with the other.
   *
   * @throws {OsError} when the path cannot be bound.
   */
  static replace(path: string, access: ControlAccess): ControlSocket {
    const beside = `${path}.${processId()}`;
    return withDirectoryLock(dirname(path), () => {
      const { socket, file } = bindAt(beside, access);
      try {
        rename(beside, path);
      } catch (error) {
        socket.close();
        unlink(beside);
        throw error;
      }
      return new ControlSocket(socket, path, file);
    });
  }

  /** Removes the path if it is still ours, and closes the socket. */
  close(): void {
    if (this.descriptor.closed) return;
    // While the socket still listens nobody takes the path for a dead one's.
    if (this.file !== undefined) removeIfStill(this.path, this.file);
    this.descriptor.close();
  }
}

function bindAt(
  path: string,
  access: ControlAccess,
): { socket: Descriptor; file: FileIdentity } {
  const socket = streamSocket({ family: "unix", path }, { nonblocking: true });
  let file: FileIdentity | undefined;
  try {
    file = bindFile(socket.fd, path, access);
    listenOn(socket.fd, BACKLOG);
    return { socket, file };
  } catch (error) {
    if (file !== undefined) removeIfStill(path, file);
    socket.close();
    throw error;
  }
}

/** Removes what a server that is gone has left; whether there was any. */
function removeDead(path: string): boolean {
  switch (occupantOf(path)) {
    case "nothing":
      return false;
    case "dead socket":
      unlink(path);
      return true;
    case "live socket":
      throw new ControlSocketError(
        `a server is listening on ${path}: stop it, take its place with --takeover, or choose another path`,
      );
    case "other file":
      throw new ControlSocketError(
        `${path} exists and is no socket: remove it or choose another path`,
      );
  }
}
