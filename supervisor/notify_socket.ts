import {
  namesIn,
  rename,
  setAccess,
  statusOf,
  unlink,
  withUmask,
} from "../ffi/files/file.ts";
import { withRightsOf } from "../ffi/files/file_rights.ts";
import { Errno, OsError } from "../ffi/libc/errno.ts";
import { environmentVariable, userId } from "../ffi/processes/process.ts";
import { tryConnect, unixDatagramSocket } from "../ffi/sockets/socket.ts";
import { SocketAddressError } from "../ffi/sockets/socket_address.ts";
import { NotificationSocket } from "../ffi/systemd/notification_socket.ts";

/** The overflow user (proc(5)), which has no rights. */
const NOBODY = 65534;

const PLACES = ["/run", "/tmp"];

const PREFIX = "multibinder-run-";
const NAME = /^multibinder-run-[0-9a-f]{8}$/;

/** A socket that NOTIFY_SOCKET can name. */
export class NotifySocket implements Disposable {
  readonly socket: NotificationSocket;
  /** Its path, or its abstract name. */
  readonly name: string;
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
    const random = crypto.randomUUID();
    for (const directory of directories(places)) {
      const path = `${directory}/${PREFIX}${random.slice(0, 8)}`;
      const socket = socketAt(path, uid);
      if (socket === undefined) continue;
      this.socket = socket;
      this.name = path;
      removeAbandoned(directory);
      return;
    }
    this.name = `@${PREFIX}${random}`;
    this.socket = new NotificationSocket(this.name);
  }

  /** Removes the path. Messages that were sent can still be received. */
  remove(): void {
    if (this.name.startsWith("@") || this.#isRemoved) return;
    this.#isRemoved = true;
    tryUnlink(this.name);
  }

  /** Removes the path and closes the socket. */
  [Symbol.dispose](): void {
    this.remove();
    this.socket[Symbol.dispose]();
  }
}

/** Where the socket can be, best first. */
function directories([first = "", ...others]: readonly string[]): string[] {
  const given = ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR"].map((name) =>
    // systemd separates several directories by colons.
    environmentVariable(name)?.split(":")[0] ?? ""
  );
  return [given[0]!, given[1]!, first, given[2]!, ...others]
    .filter((path) => path.startsWith("/"));
}

/** `undefined` where it cannot be made, or the program cannot get there. */
function socketAt(
  path: string,
  uid: number | undefined,
): NotificationSocket | undefined {
  const isRoot = userId() === 0;
  const isForAll = isRoot && !uid;
  // At its path it can always be connected to: see isAbandoned().
  const unfinished = `${path}.new`;
  let socket: NotificationSocket | undefined;
  try {
    socket = withUmask(
      isForAll ? 0o111 : 0o177,
      () => new NotificationSocket(unfinished),
    );
    if (isRoot && uid) giveTo(unfinished, uid);
    rename(unfinished, path);
    if (!isRoot || isReachable(path, uid ?? NOBODY)) return socket;
  } catch (error) {
    if (!(error instanceof OsError || error instanceof SocketAddressError)) {
      throw error;
    }
  }
  if (socket !== undefined) {
    socket[Symbol.dispose]();
    tryUnlink(unfinished);
    tryUnlink(path);
  }
  return undefined;
}

/** Without the right to give it away every user can send, as without a known user. */
function giveTo(path: string, uid: number): void {
  const file = statusOf(path)!;
  try {
    setAccess(path, file, { uid });
  } catch (error) {
    const isRefused = error instanceof OsError && error.errno === Errno.EPERM;
    if (!isRefused) throw error;
    setAccess(path, file, { mode: 0o666 });
  }
}

/** @throws {OsError} EACCES, and EPERM if this process may not change its ids. */
function isReachable(path: string, uid: number): boolean {
  const rights = { uid, gid: NOBODY, groups: [] };
  return withRightsOf(rights, () => statusOf(path) !== undefined);
}

function tryUnlink(path: string): void {
  try {
    unlink(path);
  } catch (error) {
    // Removed by others, such as a cleaner of /tmp, or theirs.
    if (!(error instanceof OsError)) throw error;
  }
}

/** The directories that were cleaned by this process. */
const cleaned = new Set<string>();

/** Removes the sockets of programs that were killed. */
function removeAbandoned(directory: string): void {
  if (cleaned.has(directory)) return;
  cleaned.add(directory);
  try {
    for (const name of namesIn(directory)) {
      const path = `${directory}/${name}`;
      if (NAME.test(name) && isAbandoned(path)) tryUnlink(path);
    }
  } catch (error) {
    // A directory that may not be read.
    if (!(error instanceof OsError)) throw error;
  }
}

/** Whether it is a socket that no process has. */
function isAbandoned(path: string): boolean {
  if (statusOf(path)?.isSocket !== true) return false;
  using socket = unixDatagramSocket();
  return tryConnect(socket.fd, { family: "unix", path }) === Errno.ECONNREFUSED;
}
