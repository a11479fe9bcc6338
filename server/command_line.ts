import { parseArgs } from "@std/cli/parse-args";
import { MissingPermissionError } from "../ffi/libc.ts";
import { UnsupportedPlatformError } from "../ffi/abi.ts";
import { OsError } from "../ffi/errno.ts";
import { unblockSignals } from "../ffi/signal_mask.ts";
import { VERSION } from "../version.ts";
import { ControlSocketError } from "./control_socket.ts";
import type { Daemon } from "./daemon.ts";
import {
  adoptState,
  HANDLED_SIGNALS,
  inheritedState,
  replaceProgram,
} from "./handoff.ts";
import { createLog } from "./log.ts";
import { type ServeOptions, startDaemon } from "./serve.ts";
import { StateError } from "./state.ts";

const USAGE = `Usage: multibinder [options] <control.sock>

Binds LISTEN sockets for other programs and hands them over the control socket.

  --mode 0600          permissions of the control socket
  --log-level info     debug, info, warn or error
  --log-format text    text or json
  -h, --help           this text
  -V, --version        the version

SIGUSR1 re-executes the daemon with every socket it holds; SIGTERM and SIGINT
end it. Exit status: 0 ended by a signal, 1 failed, 2 wrong usage.`;

/** A command line that cannot be made sense of. */
class UsageError extends Error {}

type Command = { show: string } | { serve: ServeOptions };

/** Reads the command line; throws a UsageError. */
function readCommandLine(args: readonly string[]): Command {
  const options = parseArgs([...args], {
    boolean: ["help", "version"],
    string: ["_", "mode", "log-level", "log-format"],
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
    serve: {
      path,
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

function startOrAdopt(options: ServeOptions): Daemon {
  const state = inheritedState();
  if (state === undefined) {
    return startDaemon({
      ...options,
      onReplaced: (path) => say(`Removed existing control socket: ${path}`),
    });
  }
  const { logLevel, logFormat } = options;
  return adoptState(
    state,
    createLog({
      ...(logLevel && { level: logLevel }),
      ...(logFormat && { format: logFormat }),
    }),
  );
}

function upgrade(daemon: Daemon): void {
  say("Respawning...");
  try {
    replaceProgram(daemon);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    daemon.log.error("re-exec failed, this generation goes on", {
      reason: error.message,
    });
  }
}

async function run(options: ServeOptions): Promise<void> {
  const daemon = startOrAdopt(options);
  Deno.addSignalListener("SIGUSR1", () => upgrade(daemon));
  Deno.addSignalListener("SIGTERM", () => daemon.stop());
  Deno.addSignalListener("SIGINT", () => daemon.stop());
  unblockSignals(HANDLED_SIGNALS);
  say(`Listening for binds on control socket: ${daemon.control.path}`);
  await daemon.run();
}

const EXPECTED = [
  ControlSocketError,
  MissingPermissionError,
  OsError,
  StateError,
  TypeError,
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
    else await run(command.serve);
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
