import { resolve } from "@std/path/posix";
import { realPath, statusOf } from "../ffi/files/file.ts";
import { executable } from "../ffi/processes/executable.ts";
import { commandLine } from "../ffi/processes/process.ts";
import { send } from "../ffi/sockets/socket.ts";
import { socketPair } from "../ffi/sockets/socket_pair.ts";
import { pidfdId } from "../ffi/systemd/pidfd_id.ts";
import type { Execution } from "./child.ts";

/**
 * Sets LISTEN_PID and LISTEN_PIDFDID and becomes the program: they are known only
 * once the child runs, and an exec keeps them. A shell knows its PID, and reads the
 * other number from its input. An empty line means that there is none.
 */
const SCRIPT =
  'read -r LISTEN_PIDFDID && [ "$LISTEN_PIDFDID" ] && export LISTEN_PIDFDID; export LISTEN_PID=$$; [ "$WATCHDOG_USEC" ] && export WATCHDOG_PID=$$; exec "$@" </dev/null';

/** dash drops variables with other names. */
const PASSED_BY_SHELL = /^[A-Za-z_][A-Za-z0-9_]*=/;

/** The hidden command of the client that does the same as {@linkcode SCRIPT}. */
export const SET_LISTEN_PID_COMMAND = "set-listen-pid";

const encoder = new TextEncoder();

/** Starts a program that is named as the receiver of its sockets (sd_listen_fds(3)). */
export interface ReceiverLaunch extends Disposable {
  /** The standard input of the child. */
  input: number | string;
  /** What to execute for the program at `path`. */
  execution(path: string): Execution;
  /** To be called once the child exists. */
  started(pid: number): void;
}

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

/**
 * How to start a program with these arguments and variables.
 *
 * @param isOtherUser whether another user starts it, who may not be able to execute
 * this program: then a shell always does it, and may drop variables
 */
export function receiverLaunch(
  args: readonly string[],
  environment: readonly string[],
  isOtherUser: boolean,
): ReceiverLaunch {
  return isOtherUser ||
      environment.every((entry) => PASSED_BY_SHELL.test(entry))
    ? shellLaunch(args)
    : ownLaunch(args);
}

function shellLaunch(args: readonly string[]): ReceiverLaunch {
  const shell = "/bin/sh";
  const [ours, its] = socketPair();
  return {
    input: its.fd,
    execution: (path) => ({
      path: shell,
      argv: [shell, "-c", SCRIPT, "sh", path, ...args],
    }),
    started: (pid) => {
      send(ours.fd, encoder.encode(`${pidfdId(pid) ?? ""}\n`));
    },
    [Symbol.dispose]: () => {
      ours.close();
      its.close();
    },
  };
}

/** This program itself takes some 50 ms longer than a shell. */
function ownLaunch(args: readonly string[]): ReceiverLaunch {
  const prefix = ownCommand();
  const program = executable();
  return {
    input: "/dev/null",
    execution: (path) => ({
      path: program,
      argv: [program, ...prefix, SET_LISTEN_PID_COMMAND, "--", path, ...args],
    }),
    started: () => {},
    [Symbol.dispose]: () => {},
  };
}
