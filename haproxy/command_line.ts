import { adviceFor } from "../client/command/advice.ts";
import { readDuration } from "../client/command/duration.ts";
import { readOptions } from "../client/command/options.ts";
import { say } from "../client/command/output.ts";
import { StartError } from "../client/command/start_error.ts";
import { UsageError } from "../client/command/usage_error.ts";
import { TimeoutError } from "../client/errors.ts";
import { ProtocolError } from "../exchange.ts";
import type { ConnectOptions } from "../client/options.ts";
import { reapWhereInit } from "../client/run/init.ts";
import { endLike } from "../client/run/own_ending.ts";
import { UnsupportedPlatformError } from "../ffi/abi.ts";
import type { Ending } from "../ffi/child_process.ts";
import { OsError } from "../ffi/errno.ts";
import { MissingPermissionError } from "../ffi/libc.ts";
import { ServiceManager } from "../ffi/service_manager.ts";
import { signalNumber } from "../ffi/signal_numbers.ts";
import { SocketAddressError } from "../ffi/socket_address.ts";
import { VERSION } from "../version.ts";
import { check, RejectedError } from "./check.ts";
import { Child, isAwaited } from "./child.ts";
import { FileError, isTemplate } from "./config_file.ts";
import {
  argumentsWith,
  configsOf,
  readHaproxyArguments,
} from "./haproxy_arguments.ts";
import { prepare } from "./prepare.ts";
import { environmentOf, type Program } from "./process.ts";
import { report } from "./report.ts";
import { ignoreStraySignal } from "./stray_signal.ts";
import { mannerOf } from "./supervise.ts";
import {
  type Manner,
  NotReadyError,
  StoppedError,
  Supervisor,
} from "./supervisor.ts";
import { TemplateError } from "./template/template_error.ts";

const USAGE =
  `Usage: multibinder-haproxy [options] HAPROXY [argument of HAProxy...]

Renders each configuration template among HAProxy's arguments, -f FILE.cfg.erb
or FILE.cfg.mb, to FILE.cfg, has HAProxy check it, and keeps HAProxy running
with its sockets. In a template <%= bind_tcp('0.0.0.0', 80) %> stands for a
socket that the multibinder daemon hands over.

  --sock PATH          the daemon's control socket; default: the variable
                       MULTIBINDER_SOCK; without either HAProxy binds itself
  --timeout 10s        how long to wait for the daemon
  --ready-timeout 60s  a new HAProxy that is not ready by then is killed
  --grace 30s          how long connections may take to finish at the end
  --write-only         render, write and exit; also among HAProxy's arguments,
                       and as --erb-write-only
  -h, --help           this text
  -V, --version        the version

SIGHUP and SIGUSR2 render and check again, and only if that passes replace
HAProxy; the old one finishes its connections. SIGTERM and SIGINT let HAProxy
finish its connections and end it, a second one at once. SIGUSR1 does nothing.

With -c among its arguments HAProxy checks the configuration, which is written
if it passes. The file of -p is written with the PID of the HAProxy that serves.

Exit status: HAProxy's own; 1 failed, 2 wrong usage, 126 HAPROXY cannot be
executed, 127 it is not there.`;

const VALUES = ["timeout", "ready-timeout", "grace"] as const;
const FLAGS = ["write-only", "erb-write-only"] as const;

interface CommandLine {
  program: Program;
  connect: ConnectOptions;
  manner: Manner;
  writeOnly: boolean;
}

/** Where the name of HAProxy stands, behind our own options. */
function commandAt(args: readonly string[]): number {
  const valued = ["sock", ...VALUES].map((name) => `--${name}`);
  let at = 0;
  while (args[at]?.startsWith("-")) at += valued.includes(args[at]!) ? 2 : 1;
  return Math.min(at, args.length);
}

function read(args: readonly string[]): CommandLine | "help" | "version" {
  const at = commandAt(args);
  const { asks, has, one } = readOptions(args.slice(0, at), {
    values: VALUES,
    flags: FLAGS,
  });
  if (asks !== undefined) return asks;
  const [command, ...rest] = args.slice(at);
  if (command === undefined) throw new UsageError("HAPROXY is missing");
  const haproxy = readHaproxyArguments(rest);
  if (haproxy.purpose !== "ask" && configsOf(haproxy).length === 0) {
    throw new UsageError("a configuration is missing: -f FILE.cfg.erb");
  }
  const duration = (option: typeof VALUES[number]) => {
    const text = one(option);
    return text === undefined ? undefined : readDuration(option, text);
  };
  const sock = one("sock");
  const timeout = duration("timeout");
  return {
    program: { command, arguments: haproxy, env: Deno.env.toObject() },
    connect: {
      ...(sock !== undefined && { sock }),
      ...(timeout !== undefined && { timeout }),
    },
    manner: mannerOf({
      readyTimeout: duration("ready-timeout"),
      grace: duration("grace"),
    }),
    writeOnly: FLAGS.some(has) || haproxy.writeOnly,
  };
}

/** SIGTERM or SIGINT, before there was a HAProxy to pass it on to. */
class Interrupted extends Error {
  readonly ending: Ending;

  constructor(signal: Deno.Signal) {
    super(`ended by ${signal}`);
    this.ending = { signal: signalNumber(signal) };
  }
}

function listen(
  signals: readonly Deno.Signal[],
  listener: (signal: Deno.Signal) => void,
): Disposable {
  const stack = new DisposableStack();
  for (const signal of signals) {
    const heard = () => listener(signal);
    Deno.addSignalListener(signal, heard);
    stack.defer(() => Deno.removeSignalListener(signal, heard));
  }
  return stack;
}

/** Renders, and checks or writes: work that a signal ends. */
async function once(
  { program, connect, writeOnly }: CommandLine,
): Promise<number> {
  const interrupted = new AbortController();
  const { signal } = interrupted;
  using _listening = listen(
    ["SIGTERM", "SIGINT"],
    (name) => interrupted.abort(new Interrupted(name)),
  );
  using configuration = await prepare({
    ...connect,
    signal,
    arguments: program.arguments,
    env: program.env,
    supervised: false,
    sayOnce: report,
  });
  if (!writeOnly) {
    const verdict = await check(program, configuration, signal, []);
    const { ending, output, errors } = verdict;
    if (output !== "") say(output.trimEnd());
    if (errors !== "") console.error(errors.trimEnd());
    if (!("code" in ending) || ending.code !== 0) return endLike(ending);
  }
  configuration.install();
  if (writeOnly) {
    for (const { name } of configuration.files) say(`Wrote ${name}`);
  }
  return 0;
}

/** HAProxy answers and ends. */
async function ask(program: Program): Promise<number> {
  const child = new Child({
    command: program.command,
    args: argumentsWith(program.arguments, (config) => config, {}),
    environment: environmentOf(program),
    descriptors: new Map(),
  });
  return endLike(await child.ended);
}

async function serve(
  { program, connect, manner }: CommandLine,
): Promise<number> {
  ignoreStraySignal();
  using manager = ServiceManager.fromEnvironment((reason) =>
    report(`the service manager is not told: ${reason}`)
  );
  const supervisor = new Supervisor(program, connect, manner, report, manager);
  let interrupted: Interrupted | undefined;
  using _init = reapWhereInit(isAwaited);
  using _reloads = listen(["SIGHUP", "SIGUSR2"], (signal) => {
    report(`reload: ${signal}`);
    // Why it failed is reported there.
    supervisor.reload().catch(() => {});
  });
  using _ends = listen(["SIGTERM", "SIGINT"], (signal) => {
    interrupted ??= new Interrupted(signal);
    supervisor.stop();
  });
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.stop();
    throw error instanceof StoppedError && interrupted ? interrupted : error;
  }
  return endLike(await supervisor.finished);
}

async function run(commandLine: CommandLine): Promise<number> {
  const { program, writeOnly } = commandLine;
  const { purpose } = program.arguments;
  if (purpose === "ask") return await ask(program);
  if (!configsOf(program.arguments).some(isTemplate)) {
    report("no configuration ends in .erb or .mb: nothing is rendered");
  }
  if (writeOnly || purpose === "check") return await once(commandLine);
  return await serve(commandLine);
}

const EXPECTED = [
  Deno.errors.NotCapable,
  FileError,
  MissingPermissionError,
  NotReadyError,
  OsError,
  ProtocolError,
  RejectedError,
  SocketAddressError,
  StartError,
  TemplateError,
  TimeoutError,
  UnsupportedPlatformError,
];

/** An ending that was a failure, as an exit status. */
function failureStatus(ending: Ending): number {
  if ("signal" in ending) return 128 + ending.signal;
  return ending.code === 0 ? 1 : ending.code;
}

function fail(error: unknown): number {
  if (error instanceof Interrupted) return endLike(error.ending);
  if (!EXPECTED.some((type) => error instanceof type)) {
    console.error("multibinder-haproxy:", error);
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

/**
 * The command line: its exit status.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const commandLine = read(args);
    if (typeof commandLine !== "string") return await run(commandLine);
    say(commandLine === "help" ? USAGE : VERSION);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) return fail(error);
    console.error(`multibinder-haproxy: ${error.message}\n\n${USAGE}`);
    return 2;
  }
}
