import {
  AddressError,
  formatAddress,
  type HostAddress,
  parseAddress,
} from "../address.ts";
import { type Shell, SHELLS } from "../completions/shells.ts";
import { parseDuration } from "../duration.ts";
import { VERSION } from "../version.ts";
import type { StartOptions } from "./start.ts";
import { type PolicyCheck, readPolicyCheck } from "./policy_check/options.ts";
import {
  oneOf,
  type Options,
  readGivenOptions,
  UsageError,
} from "../given_options.ts";

/** The text of `--help`. */
export function usageOf(program: string): string {
  return `Usage: ${program} [options] <control.sock>

Binds listening sockets and hands them to other programs over the control socket.

  --mode 0600          permissions of the control socket; default with --group:
                       0660
  --group NAME         group of the control socket, a name or a number
  --policy FILE        which client may do what, read again on SIGHUP; default:
                       every client may do everything
  --check-policy FILE  print the errors of a policy, each with its place, and exit
  --as USER[:GROUP]    with --check-policy FILE: print whether the policy allows
                       this user METHOD [ADDR [OPTION=VALUE...]], and the rule
                       that decides: bind 127.0.0.1:80 backlog=9
  --takeover[=ADDR,..] take over the binds and the path of the server that
                       listens on control.sock; a server that cannot list its
                       binds (Ruby) is asked for these TCP addresses
  --max-clients N      maximum number of connected clients; default: no limit
  --max-clients-per-user N
                       maximum number of clients of one user; default: 1000,
                       half of --max-clients or a quarter of the descriptor
                       limit, whichever is least; the default does not apply to
                       root and to the user of the daemon
  --max-binds N        maximum number of held sockets; default: no limit
  --request-timeout 30s  disconnect clients that do not complete a request in
                       this time; 0 disables the timeout
  --log-level info     debug, info, warn or error
  --log-format text    text or json
  --completions SHELL  print completions for a shell: bash, zsh or fish
  -h, --help           show this help
  -V, --version        show the version

SIGUSR1 re-executes the daemon and keeps every socket. SIGHUP reads the policy
again. SIGTERM and SIGINT stop the daemon. Exit status: 0 stopped by a signal,
1 failed, 2 usage error; of --check-policy: 0 valid or allowed, 1 invalid or
denied.`;
}

/** What the command line asks for. */
export type Command =
  | { show: string }
  | { policyCheck: PolicyCheck }
  | { completions: Shell }
  | { start: StartOptions };

const VALUES = [
  "mode",
  "group",
  "policy",
  "max-clients",
  "max-clients-per-user",
  "max-binds",
  "request-timeout",
  "log-level",
  "log-format",
  "completions",
];
const OPTIONAL = ["takeover"];
const CHECK_VALUES = ["check-policy", "as"];
const LEVELS = ["debug", "info", "warn", "error"] as const;
const FORMATS = ["text", "json"] as const;

/**
 * Reads the daemon's command line.
 *
 * @param program the name of the program in the help
 * @throws {UsageError} for an invalid command line.
 */
export function readCommandLine(
  args: readonly string[],
  program: string,
): Command {
  const { operands, show, one } = readGivenOptions(withTakeoverValue(args), {
    values: [...VALUES, ...CHECK_VALUES],
    optional: OPTIONAL,
  });
  if (show !== undefined) {
    return { show: show === "help" ? usageOf(program) : VERSION };
  }
  const shell = oneOf("completions", one("completions"), SHELLS);
  if (shell !== undefined) return { completions: shell };
  if (operands.length === 1 && operands[0] === "help") {
    return { show: usageOf(program) };
  }
  const [file, as] = CHECK_VALUES.map(one);
  if (file !== undefined || as !== undefined) {
    const other = [...VALUES, ...OPTIONAL].find((name) =>
      one(name) !== undefined
    );
    if (other !== undefined) {
      throw new UsageError(`--${other} does not apply to --check-policy`);
    }
    return { policyCheck: readPolicyCheck({ file, as, operands }) };
  }
  return { start: { ...readStartOptions(one), path: readPath(operands) } };
}

/** The options of a daemon. A value is invalid before the path is missing. */
function readStartOptions(one: Options["one"]): Omit<StartOptions, "path"> {
  const count = (option: string) => readCount(option, one(option));
  return {
    takeover: readTakeover(one("takeover")),
    mode: readMode(one("mode")),
    group: one("group"),
    policyPath: one("policy"),
    maxClients: count("max-clients"),
    maxClientsPerUser: count("max-clients-per-user"),
    maxBinds: count("max-binds"),
    requestTimeout: readTimeout(one("request-timeout")),
    logLevel: oneOf("log-level", one("log-level"), LEVELS),
    logFormat: oneOf("log-format", one("log-format"), FORMATS),
  };
}

function readPath([path, more]: readonly string[]): string {
  if (path === undefined || path === "") {
    throw new UsageError("missing path of the control socket");
  }
  if (more !== undefined) {
    throw new UsageError(`unexpected argument ${more}: expected one path`);
  }
  return path;
}

/**
 * Gives `--takeover` its value. The value is optional, with or without `=`: an
 * argument after `--takeover` is its value if it is a list of addresses.
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

/** Only the Ruby server cannot list its binds, and it holds only TCP sockets. */
function readTcpAddress(text: string): HostAddress {
  const address = parseAddress(text);
  if (address.kind === "tcp") return address as HostAddress;
  throw new AddressError(
    `${
      formatAddress(address)
    } is not a TCP address: only a server that cannot list its binds (Ruby) needs addresses`,
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

function readMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^0?[0-7]{3}$/.test(text)) {
    throw new UsageError(
      `invalid --mode ${text}: expected octal digits such as 0600`,
    );
  }
  return parseInt(text, 8);
}

function readCount(
  option: string,
  text: string | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new UsageError(
      `invalid --${option} ${text}: expected a number from 1 to 999999999`,
    );
  }
  return Number(text);
}

function readTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeout = parseDuration(text);
  if (timeout === undefined) {
    throw new UsageError(
      `invalid --request-timeout ${text}: expected a duration such as 500ms, 30s or 2min`,
    );
  }
  return timeout;
}
