import { dirname } from "@std/path/posix/dirname";
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import {
  type FileIdentity,
  rename,
  unlink,
  withDirectoryLock,
} from "../../ffi/files/file.ts";
import { processId } from "../../ffi/processes/process.ts";
import { refuseDescriptors } from "../../ffi/sockets/descriptor_passing.ts";
import { listenOn, streamSocket } from "../../ffi/sockets/socket.ts";
import {
  bindFile,
  pathStateOf,
  removeIfStill,
} from "../sockets/socket_file.ts";

// The kernel caps it at net.core.somaxconn (listen(2)). Beyond it connect(2) fails
// with EAGAIN in programs that do not block, such as Deno's.
const BACKLOG = 4096;

/** Permissions of the control socket. */
export interface ControlAccess {
  /** Permission bits. */
  mode: number;
  /**
   * Numeric group of the file.
   *
   * @default the group of the daemon
   */
  gid?: number;
}

/**
 * The path of the control socket is in use: another server listens on it, or the
 * file is not a socket. The daemon never removes such a file (bind(2): EADDRINUSE).
 *
 * @example
 * ```ts no-eval
 * import { ControlSocketError, serve } from "jsr:@multibinder/server";
 *
 * try {
 *   await using server = serve({ path: "/run/multibinder.sock" });
 *   await server.finished;
 * } catch (error) {
 *   if (error instanceof ControlSocketError) console.error(error.message);
 * }
 * ```
 */
export class ControlSocketError extends Error {
  /** `ControlSocketError`. */
  override readonly name = "ControlSocketError";
}

/** The socket that clients connect to. */
export class ControlSocket {
  /** The listening socket, non-blocking and close-on-exec. */
  readonly descriptor: Descriptor;
  /** As given; a relative path starts at the daemon's working directory. */
  readonly path: string;
  /** The file at the path; undefined if systemd created it. */
  readonly file: FileIdentity | undefined;

  /** Takes ownership of a socket that listens at `path`. */
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
   * Listens at `path`. The file has its permissions before a client can connect.
   * A dead socket is replaced, then `onReplaced` is called.
   *
   * @throws {ControlSocketError} if a server listens on the path, or if the path
   * is not a socket.
   * @throws {OsError} if the path cannot be bound.
   */
  static listen(
    path: string,
    access: ControlAccess,
    onReplaced: () => void,
  ): ControlSocket {
    if (path.startsWith("@")) {
      throw new ControlSocketError(
        `invalid path ${path}: an abstract name has no permissions; write ./${path} for a file`,
      );
    }
    // Without the lock two daemons that start at once could both find a dead
    // socket, and the slower one would remove the socket of the faster one.
    return withDirectoryLock(dirname(path), () => {
      if (removeDead(path)) onReplaced();
      const { socket, file } = bindAt(path, access);
      return new ControlSocket(socket, path, file);
    });
  }

  /**
   * Replaces the socket of the server that listens at `path` with rename(2): new
   * clients connect to this socket, connected clients stay with that server.
   *
   * @throws {OsError} if the path cannot be bound.
   */
  static replace(path: string, access: ControlAccess): ControlSocket {
    const temporary = `${path}.${processId()}`;
    return withDirectoryLock(dirname(path), () => {
      const { socket, file } = bindAt(temporary, access);
      try {
        rename(temporary, path);
      } catch (error) {
        socket.close();
        unlink(temporary);
        throw error;
      }
      return new ControlSocket(socket, path, file);
    });
  }

  /** Removes the file if it is still at the path, and closes the socket. */
  close(): void {
    if (this.descriptor.closed) return;
    // The file is removed first: after close(2) another daemon could replace it
    // as a dead socket.
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
    refuseDescriptors(socket.fd);
    file = bindFile(socket.fd, path, access);
    listenOn(socket.fd, BACKLOG);
    return { socket, file };
  } catch (error) {
    if (file !== undefined) removeIfStill(path, file);
    socket.close();
    throw error;
  }
}

/** Removes a dead socket. Returns whether the path had one. */
function removeDead(path: string): boolean {
  switch (pathStateOf(path)) {
    case "free":
      return false;
    case "dead socket":
      unlink(path);
      return true;
    case "live socket":
      throw new ControlSocketError(
        `a server is listening on ${path}: stop it, take over with --takeover, or choose another path`,
      );
    case "other file":
      throw new ControlSocketError(
        `${path} exists and is not a socket: remove it or choose another path`,
      );
  }
}
