import { ProtocolError } from "../exchange.ts";
import { UnsupportedPlatformError } from "../ffi/libc/abi.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { MissingPermissionError } from "../ffi/libc/libc.ts";
import { SocketAddressError } from "../ffi/sockets/socket_address.ts";
import { StartError } from "../supervisor/errors.ts";
import { WatchError } from "../supervisor/watch_paths.ts";
import { VERSION } from "../version.ts";
import { adviceFor } from "./command/advice.ts";
import type { Command } from "./command/command.ts";
import { execCommand } from "./command/start/exec.ts";
import { FetchError } from "./command/start/fetched_sockets.ts";
import { listCommand } from "./command/list/list.ts";
import { say } from "./command/output.ts";
import { nameProgram, programName, underName } from "./command/program_name.ts";
import { releaseCommand } from "./command/release.ts";
import { runCommand } from "./command/start/run.ts";
import { setListenPidCommand } from "./command/start/set_listen_pid.ts";
import { statusCommand } from "./command/status.ts";
import { UsageError } from "./command/options/usage_error.ts";
import { BindError, TimeoutError } from "./session/errors.ts";
import { NoControlSocketError } from "./session/socket_path.ts";

/** How a program that has the client's commands presents them. */
export interface Presentation {
  /** What it is called. */
  name: string;
  /** What it does, in a sentence. */
  purpose: string;
  /** Lines of the help about commands that it has beside them. */
  furtherCommands: string;
}

const CLIENT: Presentation = {
  name: programName(),
  purpose: "Gets listening sockets from a multibinder daemon.",
  furtherCommands: "",
};

function usageOf({ name, purpose, furtherCommands }: Presentation): string {
  return `Usage: ${name} <command> [options] ...

${purpose}

${furtherCommands}  exec [NAME=]ADDR... -- COMMAND    become COMMAND with the sockets
  run  [NAME=]ADDR... -- COMMAND    keep COMMAND running and reload it without a gap
  list                              what the daemon holds
  release ADDR                      the daemon closes its copy of a socket
  status                            how the daemon is

  --sock PATH          the daemon's control socket; default: the variable
                       MULTIBINDER_SOCK
  -h, --help           this text; after a command, that command's
  -V, --version        the version

An ADDR is 127.0.0.1:8000, [::1]:8000, name:8000, :8000, tcp://..., udp://...,
unix:/path, seqpacket:/path, unixgram:/path or unix:@name.

Exit status: 0 done, 1 failed, 2 wrong usage; exec and run: the command's own.`;
}

const COMMANDS: readonly Command[] = [
  execCommand,
  runCommand,
  listCommand,
  releaseCommand,
  statusCommand,
  setListenPidCommand,
];

/** What may stand before the name of the command. */
function commandAt(args: readonly string[]): number {
  let at = 0;
  while (args[at]?.startsWith("-")) at += args[at] === "--sock" ? 2 : 1;
  return at;
}

const EXPECTED = [
  BindError,
  FetchError,
  MissingPermissionError,
  OsError,
  ProtocolError,
  SocketAddressError,
  StartError,
  TimeoutError,
  UnsupportedPlatformError,
  WatchError,
];

function fail(who: string, error: unknown): number {
  if (error instanceof NoControlSocketError) {
    console.error(`${who}: ${new NoControlSocketError("--sock PATH").message}`);
    return 2;
  }
  if (!EXPECTED.some((type) => error instanceof type)) {
    console.error(`${who}:`, error);
    return 1;
  }
  const advice = adviceFor(error);
  const { message } = error as Error;
  console.error(`${who}: ${message}${advice ? `\n  ${advice}` : ""}`);
  return error instanceof StartError ? error.status : 1;
}

/**
 * The client's command line.
 *
 * @param presentation of the program whose command line it is; default:
 * `multibinder-client`
 * @returns the exit status: 0 done, 1 failed, 2 wrong usage; `run` ends with
 * its command's, and `exec` returns only if it could not become its command.
 */
export async function main(
  args: readonly string[],
  presentation = CLIENT,
): Promise<number> {
  nameProgram(presentation.name);
  const at = commandAt(args);
  const command = COMMANDS.find(({ name }) => name === args[at]);
  const who = `${programName()}${command ? ` ${command.name}` : ""}`;
  const usage = command ? underName(command.usage) : usageOf(presentation);
  try {
    if (command === undefined) return withoutCommand(args, at, usage);
    const reading = command.read([...args.slice(0, at), ...args.slice(at + 1)]);
    if ("run" in reading) return await reading.run();
    say(reading.show === "help" ? usage : VERSION);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) return fail(who, error);
    console.error(`${who}: ${error.message}\n\n${usage}`);
    return 2;
  }
}

function withoutCommand(
  args: readonly string[],
  at: number,
  usage: string,
): number {
  const options = args.slice(0, at);
  const has = (...names: string[]) =>
    names.some((each) => options.includes(each));
  if (has("-h", "--help")) say(usage);
  else if (has("-V", "--version")) say(VERSION);
  else {
    throw new UsageError(
      args[at] === undefined
        ? "the command is missing"
        : `there is no command ${args[at]}`,
    );
  }
  return 0;
}
