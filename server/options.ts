import { parseArgs } from "@std/cli/parse-args";
import {
  AddressError,
  formatAddress,
  type HostAddress,
  parseAddress,
} from "../address.ts";
import { parseDuration } from "../duration.ts";
import { VERSION } from "../version.ts";
import { DEFAULT_MODE } from "./serve.ts";
import type { StartOptions } from "./start.ts";
import { UsageError } from "./usage_error.ts";

/** What `--help` shows. */
export function usageOf(program: string): string {
  return `Usage: ${program} [options] <control.sock>

Binds LISTEN sockets for other programs and hands them over the control socket.

  --mode 0600          permissions of the control socket; with --group 0660
  --group NAME         group of the control socket
  --policy FILE        who may do what, read again on SIGHUP; default: whoever
                       may connect may ask for anything
  --takeover[=ADDR,..] take the place of the server on that path; one that
                       cannot list its binds is asked for those addresses
  --max-clients N      how many may be connected; default: no limit
  --max-binds N        how many sockets may be held; default: no limit
  --request-timeout 30s  who has not sent all of a request by then is dropped;
                       0 waits for ever
  --log-level info     debug, info, warn or error
  --log-format text    text or json
  -h, --help           this text
  -V, --version        the version

SIGUSR1 re-executes the daemon with every socket it holds, SIGHUP reads the
policy again, SIGTERM and SIGINT end it. Exit status: 0 ended by a signal,
1 failed, 2 wrong usage.`;
}

/** A text to show, or a daemon to start. */
export type Command = { show: string } | { start: StartOptions };

/**
 * Reads the daemon's command line.
 *
 * @param program what it is called
 * @throws {UsageError}
 */
export function readCommandLine(
  args: readonly string[],
  program: string,
): Command {
  const options = parseArgs(withTakeoverValue(args), {
    boolean: ["help", "h", "version", "V"],
    string: [
      "_",
      "mode",
      "group",
      "policy",
      "takeover",
      "max-clients",
      "max-binds",
      "request-timeout",
      "log-level",
      "log-format",
    ],
    unknown: (argument, option) => {
      if (option !== undefined) throw new UsageError(`no option ${argument}`);
    },
  });
  if (options.help || options.h) return { show: usageOf(program) };
  if (options.version || options.V) return { show: VERSION };
  const [path, ...rest] = options._.map(String);
  if (path === undefined || path === "") {
    throw new UsageError("the path of the control socket is missing");
  }
  if (rest.length > 0) throw new UsageError(`one path, not also ${rest[0]}`);
  const { group } = options;
  if (group === "") throw new UsageError("--group: the name is missing");
  return {
    start: {
      path,
      takeover: readTakeover(options.takeover),
      mode: readMode(options.mode, group === undefined ? DEFAULT_MODE : 0o660),
      group,
      policyPath: readPolicyPath(options.policy),
      maxClients: readCount("max-clients", options["max-clients"]),
      maxBinds: readCount("max-binds", options["max-binds"]),
      requestTimeout: readTimeout(options["request-timeout"]),
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

/** A Ruby server, which cannot list what it holds, knows only TCP. */
function readTcpAddress(text: string): HostAddress {
  const address = parseAddress(text);
  if (address.kind === "tcp") return address as HostAddress;
  throw new AddressError(
    `${
      formatAddress(address)
    } is not TCP, and a server of ours lists what it holds`,
  );
}

function readTakeover(text: string | undefined): HostAddress[] | undefined {
  if (text === undefined) return undefined;
  try {
    return text.split(",").filter((each) => each !== "").map(readTcpAddress);
  } catch (error) {
    throw new UsageError(`--takeover: ${(error as Error).message}`);
  }
}

function readMode(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^0?[0-7]{3}$/.test(text)) {
    throw new UsageError(`--mode ${text} is not octal, such as 0600`);
  }
  return parseInt(text, 8);
}

function readPolicyPath(text: string | undefined): string | undefined {
  if (text === "") throw new UsageError("--policy: the file is missing");
  return text;
}

function readCount(
  option: string,
  text: string | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new UsageError(`--${option} ${text} is no number from 1 on`);
  }
  return Number(text);
}

function readTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeout = parseDuration(text);
  if (timeout === undefined) {
    throw new UsageError(
      `--request-timeout ${text} is no duration such as 500ms, 30s or 2min`,
    );
  }
  return timeout;
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
