import { become } from "../../../ffi/processes/become.ts";
import { processId } from "../../../ffi/processes/process.ts";
import { StartError } from "../../../supervisor/errors.ts";
import type { Command } from "../command.ts";
import { readDuration } from "../options/duration.ts";
import { FetchedSockets } from "./fetched_sockets.ts";
import { divide, type Launch, readLaunch } from "./launch.ts";
import { listenEnvironment } from "./listen_environment.ts";
import { readOptions } from "../options/options.ts";
import {
  type CommandSocketOptions,
  readSocketOptions,
  SOCKET_OPTIONS,
  SOCKET_OPTIONS_USAGE,
} from "../options/socket_options.ts";

const USAGE =
  `Usage: multibinder-client exec [options] [NAME=]ADDR... -- COMMAND [ARGUMENT...]

Becomes COMMAND with the sockets of the addresses as its descriptors 3, 4, ...
(LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES as in sd_listen_fds(3)) and with no
other. {fd} in an argument is the first one's number, {fd1} the second's, {fd:web}
the one of web=ADDR.

  --nonblock           set O_NONBLOCK, which every holder of the sockets sees
${SOCKET_OPTIONS_USAGE}
  --timeout 10s        how long to wait for the daemon
  --sock PATH          its control socket; default: the variable MULTIBINDER_SOCK
  -h, --help           this text
  -V, --version        the version

Exit status: COMMAND's own; 1 no sockets, 2 wrong usage, 126 COMMAND cannot be
executed, 127 COMMAND is not there.`;

interface ExecOptions extends Launch {
  sock: string | undefined;
  timeout: number | undefined;
  nonblocking: boolean;
  socketOptions: CommandSocketOptions;
}

async function exec(options: ExecOptions): Promise<never> {
  const { sockets, command, sock, timeout, nonblocking, socketOptions } =
    options;
  using fetched = await FetchedSockets.fetch(sockets, {
    nonblocking,
    socketOptions,
    ...(sock !== undefined && { sock }),
    ...(timeout !== undefined && { timeout }),
  });
  const environment = [
    ...listenEnvironment(sockets),
    `LISTEN_PID=${processId()}`,
  ];
  return StartError.during(
    command[0]!,
    () => become(command, environment, fetched.descriptors),
  );
}

/** The command `exec`. */
export const execCommand: Command = {
  name: "exec",
  usage: USAGE,
  read: (args) => {
    const { before, command } = divide(args);
    const { words, asks, has, one } = readOptions(before, {
      values: ["timeout", ...SOCKET_OPTIONS],
      flags: ["nonblock"],
    });
    if (asks !== undefined) return { show: asks };
    const timeout = one("timeout");
    const options: ExecOptions = {
      ...readLaunch(words, command),
      sock: one("sock"),
      timeout: timeout === undefined
        ? undefined
        : readDuration("timeout", timeout),
      nonblocking: has("nonblock"),
      socketOptions: readSocketOptions({ one }),
    };
    return { run: () => exec(options) };
  },
};
