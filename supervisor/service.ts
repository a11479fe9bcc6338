import { FIRST_LISTEN_FD } from "../ffi/systemd/listen_fds.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { realPath } from "../ffi/files/file.ts";
import { commandPath } from "../ffi/processes/child_process.ts";
import { Child, type EndedProcess } from "./child.ts";
import { StartError } from "./errors.ts";
import { receiverLaunch } from "./listen_pid.ts";
import {
  asUser,
  checkExecutableBy,
  type ServiceUser,
  userVariables,
} from "./service_user.ts";

/** A program that can be started any number of times. */
export interface Service {
  /**
   * The working directory. It is resolved at each start, so that a symbolic link
   * which was repointed starts another release. Default: that of this process.
   */
  directory?: string | undefined;
  /** The program and its arguments. */
  command: readonly string[];
  /** The user that it runs as. Default: that of this process. */
  user?: ServiceUser | undefined;
  /** Its sockets, which it has at 3, 4, ... */
  descriptors: readonly number[];
  /**
   * Its variables except those that name its process (LISTEN_PID), with some set
   * or left out.
   */
  environment: (
    changes: Readonly<Record<string, string | undefined>>,
  ) => string[];
}

/**
 * Starts the program. Its standard input is /dev/null, and its sockets are its
 * only descriptors from 3 on.
 *
 * @throws {StartError}
 */
export function startService(
  { directory: given, command, user, descriptors, environment }: Service,
  changes: Readonly<Record<string, string | undefined>>,
  onSignalDenied: (reason: string) => void,
  successor: (before: EndedProcess) => number | undefined,
): Child {
  const [name = "", ...args] = command;
  const directory = given === undefined
    ? undefined
    : StartError.during(name, () => resolveDirectory(given));
  const variables = environment({
    ...changes,
    ...userVariables(user),
    ...directory !== undefined && { PWD: directory },
  });
  using launch = receiverLaunch(args, variables, user !== undefined);
  const child = new Child({
    command: name,
    args,
    directory,
    environment: variables,
    descriptors: new Map<number, number | string>([
      [0, launch.input],
      ...descriptors.map((fd, index) => [FIRST_LISTEN_FD + index, fd] as const),
    ]),
    launcher: (path) => {
      checkExecutableBy(user, path);
      return asUser(user, launch.execution(path));
    },
    onSignalDenied,
    successor,
  });
  launch.started(child.pid);
  return child;
}

/**
 * Finds the program without starting it.
 *
 * @throws {StartError} if it does not exist or cannot be executed.
 */
export function checkService(
  { command: [name = ""], directory, user }: Pick<
    Service,
    "command" | "directory" | "user"
  >,
): void {
  StartError.during(name, () => {
    const resolved = directory === undefined
      ? undefined
      : resolveDirectory(directory);
    checkExecutableBy(user, commandPath(name, resolved));
  });
}

/** @throws {OsError} ENOENT, ENOTDIR, EACCES. */
function resolveDirectory(path: string): string {
  try {
    // With the dot a file is an error, as it is for chdir(2).
    return realPath(`${path}/.`);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new OsError("chdir", error.errno, path);
  }
}
