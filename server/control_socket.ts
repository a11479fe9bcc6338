import { dirname } from "@std/path/posix/dirname";
import type { Descriptor } from "../ffi/descriptor.ts";
import { Errno, OsError } from "../ffi/errno.ts";
import {
  type FileIdentity,
  type FileStatus,
  rename,
  sameFile,
  statusOf,
  unlink,
  withDirectoryLock,
  withUmask,
} from "../ffi/file.ts";
import { processId } from "../ffi/process.ts";
import {
  bindSocket,
  listenOn,
  streamSocket,
  tryConnect,
} from "../ffi/socket.ts";
import type { UnixAddress } from "../ffi/socket_address.ts";

// The kernel caps it at net.core.somaxconn: as many as may wait do.
const BACKLOG = 4096;

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
   * Listens at `path` with permissions `mode` from the first moment on. A
   * dead socket there is replaced: `onReplaced` hears of it.
   *
   * @throws {ControlSocketError} when a live server or no socket is there.
   * @throws {OsError} when the path cannot be bound.
   */
  static listen(
    path: string,
    mode: number,
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
      const { socket, file } = bindAt(path, mode);
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
  static replace(path: string, mode: number): ControlSocket {
    const beside = `${path}.${processId()}`;
    return withDirectoryLock(dirname(path), () => {
      const { socket, file } = bindAt(beside, mode);
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
  mode: number,
): { socket: Descriptor; file: FileStatus } {
  const address: UnixAddress = { family: "unix", path };
  const socket = streamSocket(address, { nonblocking: true });
  try {
    withUmask(0o777 & ~mode, () => bindSocket(socket.fd, address));
    listenOn(socket.fd, BACKLOG);
    const file = statusOf(path);
    if (file === undefined) {
      throw new ControlSocketError(`${path} was removed while it was bound`);
    }
    return { socket, file };
  } catch (error) {
    socket.close();
    throw error;
  }
}

function removeIfStill(path: string, file: FileIdentity): void {
  try {
    const found = statusOf(path);
    if (found !== undefined && sameFile(found, file)) unlink(path);
  } catch (error) {
    // Where the directory is gone or closed to us, nothing is left to do.
    if (!(error instanceof OsError)) throw error;
  }
}

/** Removes what a server that is gone has left; whether there was any. */
function removeDead(path: string): boolean {
  const found = statusOf(path);
  if (found === undefined) return false;
  if (!found.isSocket) {
    throw new ControlSocketError(
      `${path} exists and is no socket: remove it or choose another path`,
    );
  }
  const address: UnixAddress = { family: "unix", path };
  using probe = streamSocket(address, { nonblocking: true });
  const errno = tryConnect(probe.fd, address);
  // A backlog that is full (EAGAIN) is somebody's.
  if (errno === 0 || errno === Errno.EAGAIN) {
    throw new ControlSocketError(
      `a server is listening on ${path}: stop it, take its place with --takeover, or choose another path`,
    );
  }
  if (errno !== Errno.ECONNREFUSED) throw new OsError("connect", errno, path);
  unlink(path);
  return true;
}
