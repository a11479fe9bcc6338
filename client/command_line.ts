import { ProtocolError } from "../exchange.ts";
import { UnsupportedPlatformError } from "../ffi/libc/abi.ts";
import {
  OutputError,
  printErrors,
  printLines,
} from "../ffi/files/standard_streams.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { MissingPermissionError } from "../ffi/libc/libc.ts";
import { SocketAddressError } from "../ffi/sockets/socket_address.ts";
import { StartError } from "../supervisor/errors.ts";
import { WatchError } from "../supervisor/watch/watch_paths.ts";
import { unknownName } from "../unknown_name.ts";
import { VERSION } from "../version.ts";
import type { ProgramUsage } from "../completions/grammar.ts";
import { occupiedBy } from "./command/address_in_use.ts";
import { adviceFor, adviceForTimeout, messageOf } from "./command/advice.ts";
import type { Command } from "./command/command.ts";
import { completionsCommand } from "./command/completions.ts";
import { execCommand } from "./command/start/exec.ts";
import { FetchError } from "./command/start/fetched_sockets.ts";
import { listCommand } from "./command/list/list.ts";
import { ListenError } from "./command/metrics/metrics_server.ts";
import { metricsCommand } from "./command/metrics/metrics.ts";
import {
  programName,
  rememberSocket,
  setProgramName,
  withProgramName,
} from "./command/program_name.ts";
import { releaseCommand } from "./command/release.ts";
import { runCommand } from "./command/start/run.ts";
import { serveCommand } from "./command/start/serve.ts";
import { setListenPidCommand } from "./command/start/set_listen_pid.ts";
import { statusCommand } from "./command/status.ts";
import { readOptions } from "./command/options/options.ts";
import { UsageError } from "../given_options.ts";
import { BindError, TimeoutError } from "./session/errors.ts";
import { NoControlSocketError } from "./session/socket_path.ts";

/** The help text of a program that has the client's commands. */
export interface Presentation {
  /** Its name. */
  name: string;
  /** A sentence that says what it does. */
  purpose: string;
  /** Lines about its other commands. */
  furtherCommands: string;
  /** The help of its other commands, by name. */
  furtherUsages: () => Promise<Readonly<Record<string, string>>>;
}

const CLIENT: Presentation = {
  name: programName(),
  purpose: "Gets listening sockets from a multibinder daemon.",
  furtherCommands: "",
  furtherUsages: () => Promise.resolve({}),
};

function usageOf({ name, purpose, furtherCommands }: Presentation): string {
  return `Usage: ${name} <command> [options] ...

${purpose}

${furtherCommands}  exec [NAME=]ADDR... -- COMMAND    execute COMMAND with the sockets
  run  [NAME=]ADDR... -- COMMAND    supervise COMMAND and reload it gracefully
  serve ADDR MODULE                 serve a module as deno serve does, supervised
  list                              list the sockets that the daemon holds
  release ADDR                      close the daemon's copy of a socket
  status                            show the status of the daemon
  metrics                           print metrics, or serve them to Prometheus
  completions bash|zsh|fish         print completions for a shell
  help [COMMAND]                    print this text, or the help of a command

  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK
  -h, --help           print this text, or the help of a command
  -V, --version        print the version

An ADDR is 127.0.0.1:8000, [::1]:8000, name:8000, :8000, tcp://..., udp://...,
unix:/path, seqpacket:/path, unixgram:/path or unix:@name.

Exit status: 0 done, 1 failed, 2 invalid command line; exec and run: that of
COMMAND.`;
}

const COMMANDS: readonly Command[] = [
  execCommand,
  runCommand,
  serveCommand,
  listCommand,
  releaseCommand,
  statusCommand,
  metricsCommand,
];

/** The help of a program and of its commands. */
export async function programUsage(
  presentation = CLIENT,
): Promise<ProgramUsage> {
  const commands = [...COMMANDS, completionsCommand(() => programUsage())];
  return {
    name: presentation.name,
    usage: usageOf(presentation),
    commands: {
      ...Object.fromEntries(commands.map(({ name, usage }) => [name, usage])),
      ...await presentation.furtherUsages(),
    },
  };
}

function commandsOf(presentation: Presentation): readonly Command[] {
  return [
    ...COMMANDS,
    completionsCommand(() => programUsage(presentation)),
    setListenPidCommand,
  ];
}

/** The index of the command: options may come before it. */
function commandIndex(args: readonly string[]): number {
  let at = 0;
  while (args[at]?.startsWith("-")) at += args[at] === "--sock" ? 2 : 1;
  return at;
}

/** `help`, `help list` and `--sock PATH help` with --help instead. */
function withHelpOption(args: readonly string[]): readonly string[] {
  const at = commandIndex(args);
  if (args[at] !== "help") return args;
  return [...args.slice(0, at), ...args.slice(at + 1), "--help"];
}

const EXPECTED = [
  BindError,
  FetchError,
  ListenError,
  MissingPermissionError,
  OsError,
  OutputError,
  ProtocolError,
  SocketAddressError,
  StartError,
  TimeoutError,
  UnsupportedPlatformError,
  WatchError,
];

async function fail(
  program: string,
  command: Command | undefined,
  error: unknown,
): Promise<number> {
  if (error instanceof NoControlSocketError) {
    printErrors(
      `${program}: ${new NoControlSocketError("--sock PATH").message}`,
    );
    return 2;
  }
  if (!EXPECTED.some((type) => error instanceof type)) {
    printErrors(`${program}: ${Deno.inspect(error)}`);
    return 1;
  }
  const waits = command === execCommand || command === runCommand ||
    command === serveCommand;
  const hint = await occupiedBy(error) ?? adviceFor(error) ??
    (waits ? adviceForTimeout(error) : undefined);
  printErrors(
    `${program}: ${messageOf(error as Error)}`,
    ...(hint === undefined ? [] : [`  ${hint}`]),
  );
  return error instanceof StartError ? error.status : 1;
}

/**
 * Runs the client's command line.
 *
 * @param presentation describes the program
 * @default presentation is that of `multibinder-client`
 * @returns the exit status: 0 done, 1 failed, 2 invalid command line; for
 * `run` that of its command. `exec` returns only if it fails.
 */
export async function main(
  args: readonly string[],
  presentation = CLIENT,
): Promise<number> {
  setProgramName(presentation.name);
  args = withHelpOption(args);
  rememberSocket(args);
  const at = commandIndex(args);
  const commands = commandsOf(presentation);
  const command = commands.find(({ name }) => name === args[at]);
  const program = `${programName()}${command ? ` ${command.name}` : ""}`;
  try {
    if (command === undefined) {
      return await withoutCommand(args, at, presentation);
    }
    const parsed = command.parse([
      ...args.slice(0, at),
      ...args.slice(at + 1),
    ]);
    if ("run" in parsed) return await parsed.run();
    printLines(
      parsed.show === "help" ? withProgramName(command.usage) : VERSION,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) {
      return await fail(program, command, error);
    }
    printErrors(`${program}: ${error.message}\nsee "${program} --help"`);
    return 2;
  }
}

/** There is no `bind`: a socket ends with the program that got it. */
function unknownCommand(
  name: string,
  presentation: Presentation,
  further: readonly string[],
): string {
  const own = commandsOf(presentation).map((command) => command.name);
  const known = [...further, ...own];
  return name === "bind"
    ? `unknown command bind: \`${programName()} exec ADDR -- COMMAND\` passes a socket to COMMAND, and run supervises it`
    : unknownName("command", name, known);
}

async function withoutCommand(
  args: readonly string[],
  at: number,
  presentation: Presentation,
): Promise<number> {
  const options = args.slice(0, at);
  const has = (...names: string[]) =>
    names.some((each) => options.includes(each));
  if (has("-h", "--help")) printLines(usageOf(presentation));
  else if (has("-V", "--version")) printLines(VERSION);
  else if (args[at] !== undefined) {
    const usages = await presentation.furtherUsages();
    const names = Object.keys(usages);
    const [, usage] = Object.entries(usages).find(([name]) =>
      name === args[at]
    ) ?? [];
    if (usage === undefined) {
      throw new UsageError(unknownCommand(args[at], presentation, names));
    }
    if (!args.includes("--help")) {
      throw new UsageError(`${args[at]} has to be the first argument`);
    }
    printLines(usage);
  } else {
    // Its message names an unknown option.
    readOptions(args);
    throw new UsageError("the command is missing");
  }
  return 0;
}
