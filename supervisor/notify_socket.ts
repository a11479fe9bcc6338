import {
  changeMode,
  setAccess,
  statusOf,
  unlink,
  withUmask,
} from "../ffi/files/file.ts";
import { withRightsOf } from "../ffi/files/file_rights.ts";
import { makeDirectory, removeDirectory } from "../ffi/files/directory.ts";
import { Errno, OsError } from "../ffi/libc/errno.ts";
import { environmentVariable, userId } from "../ffi/processes/process.ts";
import { SocketAddressError } from "../ffi/sockets/socket_address.ts";
import { NotificationSocket } from "../ffi/systemd/notification_socket.ts";

/** The overflow user (proc(5)), which has no rights. */
const NOBODY = 65534;

const PLACES = ["/run", "/tmp"];

/** A socket that NOTIFY_SOCKET can name, and its path if it has one. */
export class NotifySocket implements Disposable {
  readonly socket: NotificationSocket;
  readonly #directory: string | undefined;
  #isRemoved = false;

  /**
   * A path is found from another network namespace, an abstract name is not. Without
   * a directory for the path the name is abstract.
   *
   * @param uid the user that a program of root runs as. Default: any, since it may
   * become any. Then every user can send; `Readiness` checks who has sent.
   * @param places directories for it, besides those of the environment
   */
  constructor(uid?: number, places = PLACES) {
    for (const directory of directories(places)) {
      const socket = socketIn(directory, uid);
      if (socket === undefined) continue;
      this.socket = socket;
      this.#directory = parentOf(socket.name);
      return;
    }
    const name = `@multibinder-run-${crypto.randomUUID()}`;
    this.socket = new NotificationSocket(name);
  }

  /** Removes the path. Messages that were sent can still be received. */
  remove(): void {
    if (this.#directory === undefined || this.#isRemoved) return;
    this.#isRemoved = true;
    removeBoth(this.#directory);
  }

  /** Removes the path and closes the socket. */
  [Symbol.dispose](): void {
    this.remove();
    this.socket[Symbol.dispose]();
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Where the directory of the socket can be, best first. */
function directories([first = "", ...others]: readonly string[]): string[] {
  const given = ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR"].map((name) =>
    // systemd separates several directories by colons.
    environmentVariable(name)?.split(":")[0] ?? ""
  );
  return [given[0]!, given[1]!, first, given[2]!, ...others]
    .filter((path) => path.startsWith("/"));
}

/** `undefined` where it cannot be made, or the program cannot get there. */
function socketIn(
  parent: string,
  uid: number | undefined,
): NotificationSocket | undefined {
  let directory: string | undefined;
  let socket: NotificationSocket | undefined;
  try {
    directory = makeDirectory(`${parent}/multibinder-run-`);
    const path = `${directory}/notify`;
    const isRoot = userId() === 0;
    if (isRoot) changeMode(directory, 0o711);
    const isForAll = isRoot && !uid;
    socket = withUmask(
      isForAll ? 0o111 : 0o177,
      () => new NotificationSocket(path),
    );
    if (isRoot && uid) giveTo(path, uid);
    if (!isRoot || isReachable(path, uid ?? NOBODY)) return socket;
  } catch (error) {
    if (!(error instanceof OsError || error instanceof SocketAddressError)) {
      throw error;
    }
  }
  socket?.[Symbol.dispose]();
  if (directory !== undefined) removeBoth(directory);
  return undefined;
}

/** Without the right to give it away every user can send, as without a known user. */
function giveTo(path: string, uid: number): void {
  try {
    setAccess(path, statusOf(path)!, { uid });
  } catch (error) {
    const isRefused = error instanceof OsError && error.errno === Errno.EPERM;
    if (!isRefused) throw error;
    changeMode(path, 0o666);
  }
}

/** @throws {OsError} EACCES, and EPERM if this process may not change its ids. */
function isReachable(path: string, uid: number): boolean {
  const rights = { uid, gid: NOBODY, groups: [] };
  return withRightsOf(rights, () => statusOf(path) !== undefined);
}

function removeBoth(directory: string): void {
  for (
    const remove of [
      () => unlink(`${directory}/notify`),
      () => removeDirectory(directory),
    ]
  ) {
    try {
      remove();
    } catch (error) {
      // Removed by others, such as a cleaner of /tmp.
      if (!(error instanceof OsError)) throw error;
    }
  }
}
