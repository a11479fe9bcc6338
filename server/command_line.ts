import { parseArgs } from "@std/cli/parse-args";
import type { HostAddress } from "../address.ts";
import { UnsupportedPlatformError } from "../ffi/abi.ts";
import { OsError } from "../ffi/errno.ts";
import { SocketAddressError } from "../ffi/socket_address.ts";
import { MissingPermissionError } from "../ffi/libc.ts";
import { raiseDescriptorLimit, setAllCloseOnExec } from "../ffi/process.ts";
import { SignalDescriptor } from "../ffi/signal_descriptor.ts";
import { VERSION } from "../version.ts";
import { ControlSocketError } from "./control_socket.ts";
import { readTcpAddress, TakeoverError } from "./predecessor.ts";
import { logOf } from "./serve.ts";
import { ServiceManager } from "../ffi/service_manager.ts";
import { holdSignalsBack, SIGNALS } from "./signals.ts";
import { start, type StartOptions, statusText } from "./start.ts";
import { StateError } from "./state.ts";
import { Upgrade } from "./upgrade.ts";
import { isCheck, passCheck } from "./version_check.ts";

const USAGE = `Usage: multibinder [options] <control.sock>

Binds LISTEN sockets for other programs and hands them over the control socket.

  --mode 0600          permissions of the control socket
  --takeover[=ADDR,..] take the place of the server on that path; one that
                       cannot list its binds is asked for those addresses
  --log-level info     debug, info, warn or error
  --log-format text    text or json
  -h, --help           this text
  -V, --version        the version

SIGUSR1 re-executes the daemon with every socket it holds; SIGTERM and SIGINT
end it. Exit status: 0 ended by a signal, 1 failed, 2 wrong usage.`;

/** A command line that cannot be made sense of. */
class UsageError extends Error {}

type Command = { show: string } | { start: StartOptions };

/** Reads the command line; throws a UsageError. */
function readCommandLine(args: readonly string[]): Command {
  const options = parseArgs(withTakeoverValue(args), {
    boolean: ["help", "version"],
    string: ["_", "mode", "takeover", "log-level", "log-format"],
    alias: { help: "h", version: "V" },
    unknown: (argument, option) => {
      if (option !== undefined) throw new UsageError(`no option ${argument}`);
    },
  });
  if (options.help) return { show: USAGE };
  if (options.version) return { show: VERSION };
  const [path, ...rest] = options._.map(String);
  if (path === undefined || path === "") {
    throw new UsageError("the path of the control socket is missing");
  }
  if (rest.length > 0) throw new UsageError(`one path, not also ${rest[0]}`);
  return {
    start: {
      path,
      takeover: readTakeover(options.takeover),
      mode: readMode(options.mode),
      logLevel: oneOf("log-level", options["log-level"], [
        "debug",
        "info",
        "warn",
        "error",
      ]),
      logFormat: oneOf("log-format", options["log-format"], ["text", "json"]),
    },
  };
}

/**
 * `--takeover` may stand alone or have a value, with or without `=`: what
 * follows it is the value if it is a list of addresses.
 */
function withTakeoverValue(args: readonly string[]): string[] {
  const at = args.indexOf("--takeover");
  if (at === -1) return [...args];
  const next = args[at + 1];
  const hasValue = next !== undefined && next.split(",").every(isTcpAddress);
  const option = `--takeover=${hasValue ? next : ""}`;
  return args.toSpliced(at, hasValue ? 2 : 1, option);
}

function isTcpAddress(text: string): boolean {
  try {
    return readTcpAddress(text).host !== "";
  } catch {
    return false;
  }
}

function readTakeover(text: string | undefined): HostAddress[] | undefined {
  if (text === undefined) return undefined;
  try {
    return text.split(",").filter((each) => each !== "").map(readTcpAddress);
  } catch (error) {
    throw new UsageError(`--takeover: ${(error as Error).message}`);
  }
}

function readMode(text: string | undefined): number {
  if (text === undefined) return 0o600;
  if (!/^0?[0-7]{3}$/.test(text)) {
    throw new UsageError(`--mode ${text} is not octal, such as 0600`);
  }
  return parseInt(text, 8);
}

function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly [T, ...T[]],
): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new UsageError(`--${option} is one of ${choices.join(", ")}`);
  }
  return found;
}

const encoder = new TextEncoder();

/** Writes a line to standard output, which may have been closed by now. */
function say(line: string): void {
  try {
    Deno.stdout.writeSync(encoder.encode(line + "\n"));
  } catch {
    // Whoever started us no longer listens; those who use us do.
  }
}

async function run(options: StartOptions): Promise<void> {
  holdSignalsBack();
  setAllCloseOnExec();
  const log = logOf(options);
  raiseDescriptorLimit();
  using manager = ServiceManager.fromEnvironment((reason) =>
    log.warn("the service manager was not told", { reason })
  );
  const daemon = start(options, log, manager, say);
  const status = () => statusText(daemon);
  const upgrade = new Upgrade(daemon, {
    began: () => {
      say("Respawning...");
      manager?.reloading();
    },
    abandoned: () => manager?.ready(status()),
  });
  const stop = () => {
    manager?.stopping();
    daemon.stop();
  };
  using signals = new SignalDescriptor(SIGNALS);
  daemon.watch(signals.fd, () => {
    const signal = signals.take();
    if (signal === "SIGUSR1") upgrade.request();
    else if (signal !== undefined) stop();
  });
  say(`Listening for binds on control socket: ${daemon.control.path}`);
  manager?.ready(status());
  await daemon.run();
}

const EXPECTED = [
  ControlSocketError,
  MissingPermissionError,
  OsError,
  StateError,
  TakeoverError,
  SocketAddressError,
  UnsupportedPlatformError,
];

/**
 * The daemon's command line.
 *
 * @returns the exit status: 0 after SIGTERM or SIGINT, 1 when it failed, 2 for
 * a wrong command line.
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const command = readCommandLine(args);
    if ("show" in command) say(command.show);
    else if (isCheck()) say(passCheck());
    else await run(command.start);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`multibinder: ${error.message}\n\n${USAGE}`);
      return 2;
    }
    const expected = EXPECTED.some((type) => error instanceof type);
    console.error("multibinder:", expected ? (error as Error).message : error);
    return 1;
  }
}
