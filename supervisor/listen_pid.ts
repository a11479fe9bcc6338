import { resolve } from "@std/path/posix";
import { realPath, statusOf } from "../ffi/files/file.ts";
import { executable } from "../ffi/processes/executable.ts";
import { commandLine } from "../ffi/processes/process.ts";
import type { Execution } from "./child.ts";

/**
 * Sets LISTEN_PID and becomes the program: the PID of a child is known only
 * once it runs, and an exec keeps it.
 */
const SCRIPT = 'export LISTEN_PID=$$; exec "$@"';

/** dash drops variables with other names. */
const PASSED_BY_SHELL = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** The hidden command of the client that does the same as {@linkcode SCRIPT}. */
export const SET_LISTEN_PID_COMMAND = "set-listen-pid";

/**
 * The command line of this program up to its arguments, without the executable. Its
 * last word, the script, is absolute, since a child may start in another directory.
 */
function ownCommand(): string[] {
  const [, ...line] = commandLine();
  const words = line.slice(0, line.length - Deno.args.length);
  return words.map((word, index) =>
    index === words.length - 1 && statusOf(word) !== undefined
      ? resolve(realPath("."), word)
      : word
  );
}

/** How to start a program with its own PID as LISTEN_PID (sd_listen_fds(3)). */
export function withListenPid(
  path: string,
  args: readonly string[],
  environment: readonly string[],
): Execution {
  if (environment.every((entry) => PASSED_BY_SHELL.test(entry))) {
    const shell = "/bin/sh";
    return {
      path: shell,
      argv: [shell, "-c", SCRIPT, "sh", path, ...args],
    };
  }
  // This program itself takes some 50 ms longer than a shell.
  const prefix = ownCommand();
  return {
    path: executable(),
    argv: [
      executable(),
      ...prefix,
      SET_LISTEN_PID_COMMAND,
      "--",
      path,
      ...args,
    ],
  };
}
