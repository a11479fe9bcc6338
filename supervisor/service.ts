import { FIRST_LISTEN_FD } from "../ffi/systemd/listen_fds.ts";
import { Child } from "./child.ts";
import { receiverLaunch } from "./listen_pid.ts";

/** A program that can be started any number of times. */
export interface Service {
  /** The program and its arguments. */
  command: readonly string[];
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
  { command, descriptors, environment }: Service,
  changes: Readonly<Record<string, string | undefined>>,
  onSignalDenied: (reason: string) => void,
): Child {
  const [name = "", ...args] = command;
  const variables = environment(changes);
  using launch = receiverLaunch(args, variables);
  const child = new Child({
    command: name,
    args,
    environment: variables,
    descriptors: new Map<number, number | string>([
      [0, launch.input],
      ...descriptors.map((fd, index) => [FIRST_LISTEN_FD + index, fd] as const),
    ]),
    launcher: (path) => launch.execution(path),
    onSignalDenied,
  });
  launch.started(child.pid);
  return child;
}
