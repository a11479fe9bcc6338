import { execWithDescriptors } from "../../../ffi/processes/exec.ts";
import { processId } from "../../../ffi/processes/process.ts";
import { receiverVariables } from "../../../ffi/systemd/listen_fds.ts";
import { StartError } from "../../../supervisor/errors.ts";
import { reporter } from "../../../supervisor/report.ts";
import type { Command } from "../command.ts";
import { readDuration } from "../options/duration.ts";
import { programName } from "../program_name.ts";
import { FetchedSockets } from "./fetched_sockets.ts";
import { type Launch, readLaunch, splitAtDashes } from "./launch.ts";
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

Executes COMMAND with the sockets of the addresses as descriptors 3, 4, ...
(LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES of sd_listen_fds(3)). All other
descriptors above 2 are closed. In an argument, {fd} is the number of the first
socket, {fd1} that of the second, {fd:web} that of web=ADDR.

  --nonblock           set O_NONBLOCK, which affects every process that has the
                       sockets
${SOCKET_OPTIONS_USAGE}
  --timeout 10s        how long to wait for the daemon
  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text
  -V, --version        print the version

Exit status: that of COMMAND; 1 no sockets, 2 invalid command line, 126 COMMAND
cannot be executed, 127 COMMAND does not exist.`;

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
    notice: reporter(`${programName()} exec`),
    sock,
    timeout,
  });
  // An exec keeps the process.
  const environment = listenEnvironment(
    sockets,
    fetched.descriptors,
    receiverVariables(processId()),
  );
  return StartError.during(
    command[0]!,
    () => execWithDescriptors(command, environment, fetched.descriptors),
  );
}

/** The command `exec`. */
export const execCommand: Command = {
  name: "exec",
  usage: USAGE,
  parse: (args) => {
    const { before, command } = splitAtDashes(args);
    const { operands, show, has, one } = readOptions(before, {
      values: ["timeout", ...SOCKET_OPTIONS],
      flags: ["nonblock"],
    });
    if (show !== undefined) return { show };
    const timeout = one("timeout");
    const options: ExecOptions = {
      ...readLaunch(operands, command),
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
