/**
 * Descriptors that a service manager passes to this process (sd_listen_fds(3)):
 * from number 3 on, counted and named by environment variables.
 *
 * @module
 */
import { setCloseOnExec } from "../files/descriptor.ts";
import { statusOfDescriptor } from "../files/file.ts";
import { OsError } from "../libc/errno.ts";
import {
  environmentVariable,
  processId,
  unsetEnvironmentVariable,
} from "../processes/process.ts";
import { servingKind } from "../sockets/socket.ts";
import { pidfdId } from "./pidfd_id.ts";

/** SD_LISTEN_FDS_START. */
export const FIRST_LISTEN_FD = 3;

/**
 * The inodes of the passed sockets, in order and separated by commas. Through a
 * shell, `deno task` and the like the sockets reach a process that LISTEN_PID does
 * not name, which recognises them by their inodes.
 */
const INODES_VARIABLE = "MULTIBINDER_FDS";

/** The variables of sd_listen_fds(3), and {@linkcode INODES_VARIABLE}. */
export const LISTEN_VARIABLES: readonly string[] = [
  "LISTEN_PID",
  "LISTEN_PIDFDID",
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
  INODES_VARIABLE,
];

/** The variables for a program that gets these sockets, except of its process. */
export function listenVariables(
  sockets: readonly { fd: number; name: string }[],
): Record<string, string> {
  return {
    LISTEN_FDS: String(sockets.length),
    LISTEN_FDNAMES: sockets.map(({ name }) => name).join(":"),
    [INODES_VARIABLE]: sockets
      .map(({ fd }) => statusOfDescriptor(fd).inode).join(),
  };
}

/** The variables that name the receiving process. */
export function receiverVariables(pid: number): Record<string, string> {
  const id = pidfdId(pid);
  return {
    LISTEN_PID: String(pid),
    ...(id !== undefined && { LISTEN_PIDFDID: id }),
  };
}

/**
 * The environment announces sockets that were passed to another process, or that
 * are not there. The message names both processes.
 *
 * @example
 * ```ts no-eval
 * import { inherited, InheritedSocketsError } from "jsr:@multibinder/client";
 *
 * try {
 *   console.log(inherited());
 * } catch (error) {
 *   if (!(error instanceof InheritedSocketsError)) throw error;
 *   console.error(`${error.message}: starting without sockets`);
 * }
 * ```
 */
export class InheritedSocketsError extends Error {
  /** `InheritedSocketsError`. */
  override readonly name = "InheritedSocketsError";
}

/** The most descriptors that a process can have by default (fs.nr_open, proc(5)). */
const MOST = 2 ** 20;

/** A descriptor that was passed. */
export interface PassedDescriptor {
  /** Close-on-exec. The caller owns it. */
  readonly fd: number;
  /** `unknown` without a name, as in sd_listen_fds_with_names(3). */
  readonly name: string;
}

/** Options of {@linkcode passedDescriptors}. */
export interface PassedOptions {
  /** Removes the variables, so that children do not see them. Default: false. */
  clear?: boolean;
}

/**
 * The descriptors that were passed to this process; empty without LISTEN_FDS.
 *
 * @throws {InheritedSocketsError} if the variables name another process, and the
 * descriptors are not the sockets that `exec`, `run` or `spawn` has passed.
 * @throws {InheritedSocketsError} if the variables name no process, and a
 * descriptor is not a socket that a server can use.
 * @throws {InheritedSocketsError} if `exec`, `run` or `spawn` has passed a socket
 * that a program in between has closed or replaced.
 * @throws {OsError} EBADF when an announced descriptor is not open.
 */
export function passedDescriptors(
  { clear = false }: PassedOptions = {},
): PassedDescriptor[] {
  const announced = environmentVariable("LISTEN_FDS");
  const names = (environmentVariable("LISTEN_FDNAMES") ?? "").split(":");
  const receiver = receiverOf();
  const inodes = environmentVariable(INODES_VARIABLE)?.split(",");
  if (clear) LISTEN_VARIABLES.forEach(unsetEnvironmentVariable);
  if (announced === undefined) return [];
  const count = /^\d+$/.test(announced) ? Number(announced) : NaN;
  if (!(count <= MOST)) {
    throw new TypeError(
      `LISTEN_FDS is not a number of descriptors: ${announced}`,
    );
  }
  const descriptors = Array.from(
    { length: count },
    (_, index) => FIRST_LISTEN_FD + index,
  );
  if (receiver === "unknown") requireSockets(descriptors);
  else if (receiver === "this process") requireKept(descriptors, inodes);
  else requireInodes(descriptors, inodes, receiver.named);
  return descriptors.map((fd, index) => {
    setCloseOnExec(fd, true);
    return { fd, name: names[index] || "unknown" };
  });
}

/** The process that the variables name: this one, another or none. */
function receiverOf(): "this process" | "unknown" | { named: string } {
  const pid = environmentVariable("LISTEN_PID");
  // systemfd --no-pid
  if (pid === undefined) return "unknown";
  if (pid !== String(processId())) return { named: `LISTEN_PID names ${pid}` };
  const id = environmentVariable("LISTEN_PIDFDID");
  const own = id === undefined ? undefined : pidfdId(processId());
  if (own === undefined || own === id) return "this process";
  return {
    named: `LISTEN_PIDFDID names an earlier process with the PID ${pid}`,
  };
}

function requireSockets(descriptors: readonly number[]): void {
  const missing = descriptors.find((fd) => !isServing(fd));
  if (missing === undefined) return;
  throw new InheritedSocketsError(
    `LISTEN_FDS announces ${descriptors.length} sockets, but descriptor ${missing} of process ${processId()} is not a listening socket: without LISTEN_PID the process that they were passed to is unknown`,
  );
}

/** The inodes may be those of an earlier service manager, and the sockets others. */
function requireKept(
  descriptors: readonly number[],
  inodes: readonly string[] = [],
): void {
  if (inodes.length !== descriptors.length) return;
  const lost = descriptors.find((fd, index) =>
    !isSocket(fd, inodes[index]!) && !isServing(fd)
  );
  if (lost === undefined) return;
  throw new InheritedSocketsError(
    `descriptor ${lost} of process ${processId()} is not the socket that LISTEN_FDS announces: a program between has closed or replaced it`,
  );
}

function isServing(fd: number): boolean {
  try {
    return servingKind(fd) !== undefined;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}

function requireInodes(
  descriptors: readonly number[],
  inodes: readonly string[] = [],
  named: string,
): void {
  const isPassed = inodes.length === descriptors.length &&
    descriptors.every((fd, index) => isSocket(fd, inodes[index]!));
  if (isPassed) return;
  throw new InheritedSocketsError(
    `LISTEN_FDS announces sockets for another process: ${named}, and this is ${processId()}: start this program without a shell or another program between, or unset LISTEN_FDS`,
  );
}

function isSocket(fd: number, inode: string): boolean {
  try {
    const status = statusOfDescriptor(fd);
    return status.isSocket && status.inode === inode;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}
