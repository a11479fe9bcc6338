import { commandPath, startChild } from "../../ffi/child_process.ts";
import { executable } from "../../ffi/executable.ts";
import { checkExecutable } from "../../ffi/file.ts";
import { commandLine } from "../../ffi/process.ts";
import { FIRST_DESCRIPTOR } from "../command/launch.ts";
import { StartError } from "../command/start_error.ts";

/** A program as it shall be started, any number of times. */
export interface Service {
  command: readonly string[];
  /** At 3, 4, ... */
  descriptors: readonly number[];
  /** All of it but LISTEN_PID, with other variables set or left out. */
  environment: (
    changed: Readonly<Record<string, string | undefined>>,
  ) => string[];
}

/**
 * Becomes the command after it has said which process that is: nobody knows
 * the PID of a child before it runs, and an exec keeps it.
 */
const TELL_PID = 'export LISTEN_PID=$$; exec "$@"';

/** Names that every sh passes on; dash drops variables of other names. */
const PASSED_BY_SHELL = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** The hidden command that does what {@linkcode TELL_PID} does. */
export const TELL_PID_COMMAND = "tell-pid";

function trampoline(
  path: string,
  args: readonly string[],
  environment: readonly string[],
): { path: string; argv: string[] } {
  if (environment.every((entry) => PASSED_BY_SHELL.test(entry))) {
    const shell = "/bin/sh";
    return {
      path: shell,
      argv: [shell, "-c", TELL_PID, "sh", path, ...args],
    };
  }
  // This program once more, which takes some 50 ms longer.
  const [, ...line] = commandLine();
  const prefix = line.slice(0, line.length - Deno.args.length);
  return {
    path: executable(),
    argv: [executable(), ...prefix, TELL_PID_COMMAND, "--", path, ...args],
  };
}

/**
 * Starts the program as the leader of a process group: its PID. Its standard
 * input is empty, and it has no other descriptor from 3 on than its sockets.
 *
 * @throws {StartError}
 */
export function startService(
  { command, descriptors, environment }: Service,
  changed: Readonly<Record<string, string | undefined>>,
): number {
  const [name = "", ...args] = command;
  return StartError.during(name, () => {
    const path = commandPath(name);
    checkExecutable(path);
    const variables = environment(changed);
    return startChild({
      ...trampoline(path, args, variables),
      environment: variables,
      descriptors: new Map<number, number | string>([
        [0, "/dev/null"],
        ...descriptors.map((fd, index) =>
          [FIRST_DESCRIPTOR + index, fd] as const
        ),
      ]),
      ownGroup: true,
    });
  });
}
