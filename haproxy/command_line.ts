import { type Shell, SHELLS } from "../completions/shells.ts";
import { adviceFor } from "../client/command/advice.ts";
import {
  readDrainTimeout,
  readMaxDraining,
} from "../client/command/options/drain_limits.ts";
import { readDuration } from "../client/command/options/duration.ts";
import { readOptions } from "../client/command/options/options.ts";
import { oneOf, UsageError } from "../given_options.ts";
import { TimeoutError } from "../client/session/errors.ts";
import { ProtocolError } from "../exchange.ts";
import type { ConnectOptions } from "../client/session/options.ts";
import { UnsupportedPlatformError } from "../ffi/libc/abi.ts";
import { withstandSignals } from "../ffi/processes/block_signals.ts";
import type { Ending } from "../ffi/processes/child_process.ts";
import {
  OutputError,
  printErrors,
  printLines,
} from "../ffi/files/standard_streams.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { MissingPermissionError } from "../ffi/libc/libc.ts";
import { initialEnvironment } from "../ffi/processes/process.ts";
import { ServiceManager } from "../ffi/systemd/service_manager.ts";
import { signalNumber } from "../ffi/processes/signal_numbers.ts";
import { onSignals } from "../ffi/processes/signal_listeners.ts";
import { SocketAddressError } from "../ffi/sockets/socket_address.ts";
import { Child } from "../supervisor/child.ts";
import {
  NotReadyError,
  StartError,
  StoppedError,
} from "../supervisor/errors.ts";
import { exitLike } from "../supervisor/ending/exit_like.ts";
import { reapOrphansAsInit } from "../supervisor/reap_orphans.ts";
import { VERSION } from "../version.ts";
import { check, RejectedError, RELOAD_SIGNALS } from "./configuration/check.ts";
import { FileError, isTemplate } from "./configuration/config_file.ts";
import { prepare } from "./configuration/prepare.ts";
import {
  argumentsWith,
  configsOf,
  readHaproxyArguments,
} from "./haproxy_arguments.ts";
import { environmentOf, type Program } from "./program.ts";
import { report } from "./report.ts";
import { TemplateError } from "./template/template_error.ts";
import { type Limits, limitsWith } from "./wrapper/limits.ts";
import { Supervisor } from "./wrapper/supervisor.ts";

/** The name of the program. */
export const NAME = "multibinder-haproxy";

/** The text of `--help`. */
export const USAGE =
  `Usage: multibinder-haproxy [options] HAPROXY [argument of HAProxy...]

Renders each configuration template among HAProxy's arguments, -f FILE.cfg.erb
or -f FILE.cfg.mb, to FILE.cfg, lets HAProxy check it, and keeps HAProxy running
with its sockets. In a template <%= bind_tcp('0.0.0.0', 80) %> stands for a
socket from the multibinder daemon.

  --sock PATH          control socket of the daemon; default: MULTIBINDER_SOCK;
                       without either, HAProxy binds its addresses itself
  --timeout 10s        how long to wait for the daemon
  --ready-timeout 60s  kill a new HAProxy that is not ready in this time
  --grace 30s          how long connections may take to finish after SIGTERM
  --max-draining 8     how many replaced HAProxies may finish their connections at
                       the same time; the oldest is ended when there is one more
  --drain-timeout 30m  how long a replaced HAProxy may take to finish its
                       connections; never: no limit
  --write-only         render, write and exit; accepted among HAProxy's arguments
                       too, and as --erb-write-only
  --completions SHELL  print completions for a shell: bash, zsh or fish
  -h, --help           print this text
  -V, --version        print the version

SIGHUP and SIGUSR2 reload: they render and check again and, if that succeeds,
replace HAProxy. The old HAProxy finishes its connections. SIGTERM and SIGINT
stop HAProxy once its connections are finished; a second one stops it at once.
SIGUSR1 is ignored.

With -c among its arguments HAProxy checks the configuration, which is written if
the check succeeds. The file of -p gets the PID of the HAProxy that serves.

Exit status: that of HAProxy; 1 failed, 2 invalid command line, 126 HAPROXY
cannot be executed, 127 HAPROXY does not exist.`;

const VALUES = [
  "timeout",
  "ready-timeout",
  "grace",
  "max-draining",
  "drain-timeout",
] as const;
const FLAGS = ["write-only", "erb-write-only"] as const;

interface CommandLine {
  program: Program;
  connect: ConnectOptions;
  limits: Limits;
  writeOnly: boolean;
}

/** The index of HAPROXY, which follows our own options. */
function commandAt(args: readonly string[]): number {
  const valued = ["sock", "completions", ...VALUES].map((name) => `--${name}`);
  let at = 0;
  while (args[at]?.startsWith("-")) at += valued.includes(args[at]!) ? 2 : 1;
  return Math.min(at, args.length);
}

/** The environment. `Deno.env` leaves out variables that are not UTF-8. */
function ownEnvironment(): Record<string, string> {
  const environment = Deno.env.toObject();
  for (const entry of initialEnvironment()) {
    const at = entry.indexOf("=");
    environment[entry.slice(0, at)] ??= entry.slice(at + 1);
  }
  return environment;
}

/** A text to print, or HAProxy to run. */
type Parsed =
  | { show: "help" | "version" }
  | { completions: Shell }
  | CommandLine;

function read(args: readonly string[]): Parsed {
  const at = commandAt(args);
  const { show, has, one } = readOptions(args.slice(0, at), {
    values: ["completions", ...VALUES],
    flags: FLAGS,
  });
  if (show !== undefined) return { show };
  const shell = oneOf("completions", one("completions"), SHELLS);
  if (shell !== undefined) return { completions: shell };
  const [command, ...rest] = args.slice(at);
  if (!command) throw new UsageError("HAPROXY is missing");
  const haproxy = readHaproxyArguments(rest);
  if (haproxy.purpose !== "print" && configsOf(haproxy).length === 0) {
    throw new UsageError("the configuration is missing: -f FILE.cfg.erb");
  }
  const duration = (option: typeof VALUES[number]) => {
    const text = one(option);
    return text === undefined ? undefined : readDuration(option, text);
  };
  return {
    program: { command, arguments: haproxy, env: ownEnvironment() },
    connect: { sock: one("sock"), timeout: duration("timeout") },
    limits: limitsWith({
      readyTimeout: duration("ready-timeout"),
      grace: duration("grace"),
      maxDraining: readMaxDraining(one("max-draining")),
      drainTimeout: readDrainTimeout(one("drain-timeout")),
    }),
    writeOnly: FLAGS.some(has) || haproxy.writeOnly,
  };
}

/** SIGTERM or SIGINT ended this program before HAProxy was ready. */
class Interrupted extends Error {
  readonly ending: Ending;

  constructor(signal: Deno.Signal) {
    super(`ended by ${signal}`);
    this.ending = { signal: signalNumber(signal) };
  }
}

/** Renders, checks unless it only writes, and writes. */
async function renderFiles(
  { program, connect, writeOnly }: CommandLine,
): Promise<number> {
  const interrupted = new AbortController();
  const { signal } = interrupted;
  using _listening = onSignals(
    ["SIGTERM", "SIGINT"],
    (name) => interrupted.abort(new Interrupted(name)),
  );
  using configuration = await prepare({
    ...connect,
    signal,
    arguments: program.arguments,
    env: program.env,
    supervised: false,
    reportOnce: report,
  });
  if (!writeOnly) {
    const result = await check(program, configuration, signal, []);
    const { ending, output, errors } = result;
    if (output !== "") printLines(output.trimEnd());
    if (errors !== "") printErrors(errors.trimEnd());
    if (!("code" in ending) || ending.code !== 0) return exitLike(ending);
  }
  configuration.install();
  if (writeOnly) {
    for (const { name } of configuration.files) printLines(`Wrote ${name}`);
  }
  return 0;
}

/** Runs a HAProxy that prints something and ends. */
async function print(program: Program): Promise<number> {
  const child = new Child({
    command: program.command,
    args: argumentsWith(program.arguments, (config) => config, {}),
    environment: environmentOf(program),
    descriptors: new Map(),
    onSignalDenied: report,
  });
  return exitLike(await child.ended);
}

async function serve(
  { program, connect, limits }: CommandLine,
): Promise<number> {
  using manager = ServiceManager.fromEnvironment((reason) =>
    report(`cannot notify the service manager: ${reason}`)
  );
  using _alive = manager?.keepAlive();
  const supervisor = new Supervisor(
    program,
    connect,
    limits,
    report,
    manager,
  );
  let interrupted: Interrupted | undefined;
  using _reaping = reapOrphansAsInit();
  using _reloads = onSignals(RELOAD_SIGNALS, (signal) => {
    report(`reload: ${signal}`);
    // The supervisor reports why a reload fails.
    supervisor.reload().catch(() => {});
  });
  using _ends = onSignals(["SIGTERM", "SIGINT"], (signal) => {
    interrupted ??= new Interrupted(signal);
    supervisor.stop();
  });
  try {
    await supervisor.start();
  } catch (error) {
    throw error instanceof StoppedError && interrupted ? interrupted : error;
  }
  return exitLike(await supervisor.finished);
}

async function run(commandLine: CommandLine): Promise<number> {
  const { program, writeOnly } = commandLine;
  const { purpose } = program.arguments;
  if (purpose === "print") return await print(program);
  // It starts this program again, before a line is reported.
  if (!writeOnly && purpose !== "check") withstandSignals();
  if (!configsOf(program.arguments).some(isTemplate)) {
    report("no configuration is a template (.erb, .mb): nothing is rendered");
  }
  if (writeOnly || purpose === "check") return await renderFiles(commandLine);
  return await serve(commandLine);
}

const EXPECTED = [
  Deno.errors.NotCapable,
  FileError,
  MissingPermissionError,
  NotReadyError,
  OsError,
  OutputError,
  ProtocolError,
  RejectedError,
  SocketAddressError,
  StartError,
  TemplateError,
  TimeoutError,
  UnsupportedPlatformError,
];

/** The exit status for an ending that was a failure. */
function failureStatus(ending: Ending): number {
  if ("signal" in ending) return 128 + ending.signal;
  return ending.code === 0 ? 1 : ending.code;
}

function fail(error: unknown): number {
  if (error instanceof Interrupted) return exitLike(error.ending);
  if (!EXPECTED.some((type) => error instanceof type)) {
    report(Deno.inspect(error));
    return 1;
  }
  const advice = error instanceof TemplateError ? undefined : adviceFor(error);
  report(`${(error as Error).message}${advice ? `\n  ${advice}` : ""}`);
  if (error instanceof StartError) return error.status;
  if (error instanceof RejectedError || error instanceof NotReadyError) {
    return failureStatus(error.ending);
  }
  return 1;
}

async function textOf(
  wanted: Exclude<Parsed, CommandLine>,
): Promise<string> {
  if ("show" in wanted) return wanted.show === "help" ? USAGE : VERSION;
  const { completionScript } = await import("../completions/completions.ts");
  const program = { name: NAME, usage: USAGE, commands: {} };
  return completionScript(wanted.completions, program).trimEnd();
}

/** Runs the command line: its exit status. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const commandLine = read(args);
    if ("program" in commandLine) return await run(commandLine);
    printLines(await textOf(commandLine));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) return fail(error);
    report(`${error.message}\nsee "multibinder-haproxy --help"`);
    return 2;
  }
}
