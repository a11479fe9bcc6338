import { parseArgs } from "@std/cli/parse-args";
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
  joinNegativeNumbers,
  type OptionNames,
  repeatedOption,
  valueOfFlag,
} from "../given_options.ts";
import { unknownOption } from "../unknown_name.ts";
import { UsageError } from "./usage_error.ts";

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

const FLAGS = ["help", "h", "version", "V"] as const;
const VALUES = [
  "mode",
  "group",
  "policy",
  "takeover",
  "max-clients",
  "max-clients-per-user",
  "max-binds",
  "request-timeout",
  "log-level",
  "log-format",
  "completions",
] as const;
const CHECK_VALUES = ["check-policy", "as"] as const;

const NAMES: OptionNames = {
  values: [...VALUES, ...CHECK_VALUES],
  flags: FLAGS,
};

/** @throws {UsageError} */
function checkWords(args: readonly string[]): void {
  const problem = valueOfFlag(args, NAMES);
  if (problem !== undefined) throw new UsageError(problem);
  const repeated = repeatedOption(args, NAMES);
  if (repeated === undefined) return;
  throw new UsageError(`${repeated} is given twice`);
}

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
  checkWords(args);
  const words = joinNegativeNumbers(withTakeoverValue(args), NAMES);
  const options = parseArgs(words, {
    boolean: FLAGS,
    string: ["_", ...VALUES, ...CHECK_VALUES],
    unknown: (argument, option) => {
      if (option !== undefined) {
        const known = [...NAMES.values, ...FLAGS];
        throw new UsageError(unknownOption(argument, known));
      }
    },
  });
  if (options.help || options.h) return { show: usageOf(program) };
  if (options.version || options.V) return { show: VERSION };
  for (const name of [...VALUES, ...CHECK_VALUES]) {
    // The value of --takeover is optional.
    if (options[name] !== "" || name === "takeover") continue;
    throw new UsageError(`the value of --${name} is missing`);
  }
  const shell = oneOf("completions", options.completions, SHELLS);
  if (shell !== undefined) return { completions: shell };
  const operands = options._.map(String);
  if (operands.length === 1 && operands[0] === "help") {
    return { show: usageOf(program) };
  }
  const { "check-policy": file, as } = options;
  if (file !== undefined || as !== undefined) {
    const other = VALUES.find((name) => options[name] !== undefined);
    if (other !== undefined) {
      throw new UsageError(`--${other} does not apply to --check-policy`);
    }
    return { policyCheck: readPolicyCheck({ file, as, operands }) };
  }
  return { start: { ...readStartOptions(options), path: readPath(operands) } };
}

type Values = Readonly<Partial<Record<typeof VALUES[number], string>>>;

/** The options of a daemon. A value is invalid before the path is missing. */
function readStartOptions(options: Values): Omit<StartOptions, "path"> {
  return {
    takeover: readTakeover(options.takeover),
    mode: readMode(options.mode),
    group: options.group,
    policyPath: options.policy,
    maxClients: readCount("max-clients", options["max-clients"]),
    maxClientsPerUser: readCount(
      "max-clients-per-user",
      options["max-clients-per-user"],
    ),
    maxBinds: readCount("max-binds", options["max-binds"]),
    requestTimeout: readTimeout(options["request-timeout"]),
    logLevel: oneOf("log-level", options["log-level"], [
      "debug",
      "info",
      "warn",
      "error",
    ]),
    logFormat: oneOf("log-format", options["log-format"], ["text", "json"]),
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

function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  choices: readonly [T, ...T[]],
): T | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new UsageError(
      `invalid --${option} ${value}: expected one of ${choices.join(", ")}`,
    );
  }
  return found;
}
