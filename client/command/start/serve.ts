import { AddressError, hasHost, parseAddress } from "../../../address.ts";
import { withstandSignals } from "../../../ffi/processes/block_signals.ts";
import { executable } from "../../../ffi/processes/executable.ts";
import { reporter } from "../../../supervisor/report.ts";
import { SERVE_VARIABLES } from "../../activate/serve_variables.ts";
import type { Command } from "../command.ts";
import { readOptions } from "../options/options.ts";
import { type Options, UsageError } from "../../../given_options.ts";
import { programName } from "../program_name.ts";
import { readSocket, type RequestedSocket } from "./launch.ts";
import { run } from "./run.ts";
import { readRunOptions, RUN_OPTIONS, type RunOptions } from "./run_options.ts";

const SERVE_OPTIONS = {
  ...RUN_OPTIONS,
  values: [...RUN_OPTIONS.values, "cert", "key"],
};

const RUN_OPTION_NAMES = [...RUN_OPTIONS.values, ...RUN_OPTIONS.flags, "sock"]
  .map((name) => `--${name}`).join(", ").replace(/(.{1,76})(?: |$)/g, "  $1\n");

const USAGE =
  `Usage: multibinder-client serve [options] ADDR MODULE [ARGUMENT...]
       multibinder-client serve [options] ADDR -- [DENO_OPTION...] MODULE [ARGUMENT...]

Serves a module with "export default { fetch }", as "deno serve" does, on the
socket of a TCP or UNIX address, and supervises it as "multibinder-client run" does.
It is ready as soon as it serves. SIGHUP or SIGUSR2 reloads: the new generation
loads the module anew, and the old one finishes its requests.

The module runs in this Deno with the configuration (deno.json, package.json) of
its directory. It has all permissions; after "--" it has only those of the given
options of "deno run".

  --cert FILE          certificate chain in PEM, read at each start: serve HTTPS
  --key FILE           its private key in PEM
  -h, --help           print this text
  -V, --version        print the version

Options of run, which "multibinder-client run --help" explains:
${RUN_OPTION_NAMES}
--ready is "notify" unless given.

Exit status: as that of run.`;

interface ServeArguments {
  /** Options of this command, and ADDR. */
  before: readonly string[];
  /** Options of `deno run`, MODULE and its arguments. */
  deno: readonly string[];
  /** Arguments of MODULE where they can be told from options. */
  moduleArguments: readonly string[];
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch (error) {
    if (error instanceof AddressError) return false;
    throw error;
  }
}

/** MODULE is the second operand, or after `--`. Words after it are its arguments. */
function splitAtModule(args: readonly string[]): ServeArguments {
  const valued = [...SERVE_OPTIONS.values, "sock"].map((name) => `--${name}`);
  let first: string | undefined;
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    const before = args.slice(0, at);
    if (word === "--") {
      return { before, deno: args.slice(at + 1), moduleArguments: [] };
    }
    if (valued.includes(word)) at++;
    else if (word.startsWith("-")) continue;
    else if (first === undefined) first = word;
    else {
      if (isAddress(word)) {
        throw new UsageError(
          first.includes(":")
            ? `expected a module, got another address: ${word}`
            : `ADDR goes before MODULE: ${word} ${first}`,
        );
      }
      return {
        before,
        deno: ["-A", ...args.slice(at)],
        moduleArguments: args.slice(at + 1),
      };
    }
  }
  return { before: args, deno: [], moduleArguments: [] };
}

/** @throws {UsageError} */
function readAddress(operands: readonly string[]): RequestedSocket {
  const [operand, more] = operands;
  if (operand === undefined) {
    throw new UsageError("an address is missing, such as 127.0.0.1:8000");
  }
  if (more !== undefined) {
    throw new UsageError(`expected one address before --, got also ${more}`);
  }
  const socket = readSocket(operand);
  const { kind } = parseAddress(socket.address);
  if (kind === "tcp" || kind === "unix") return socket;
  throw new UsageError(
    `cannot serve ${socket.address}: expected a TCP address or unix:PATH`,
  );
}

/** @throws {UsageError} */
function readTls(
  { one }: Options,
  { address }: RequestedSocket,
): Record<string, string | undefined> {
  const [cert, key] = [one("cert"), one("key")];
  // Without the options the variables of this program must not count.
  const variables = {
    [SERVE_VARIABLES.cert]: cert,
    [SERVE_VARIABLES.key]: key,
  };
  if (cert === undefined && key === undefined) return variables;
  if (cert === undefined || key === undefined) {
    throw new UsageError("--cert and --key are needed together");
  }
  if (!hasHost(parseAddress(address))) {
    throw new UsageError("--cert and --key need a TCP address");
  }
  return variables;
}

/** The module of `--preload`: beside this file, or beside its published copy. */
const PRELOAD = new URL("../../activate/serve.ts", import.meta.url);

function commandOf(deno: readonly string[]): string[] {
  if (Deno.build.standalone) {
    throw new UsageError(
      `this binary does not contain Deno, which a module needs: install Deno and use "${programName()} run ADDR -- env ${SERVE_VARIABLES.autoServe}=1 deno run -A --preload jsr:@multibinder/client/serve MODULE"`,
    );
  }
  if (deno.every((word) => /^-./.test(word))) {
    throw new UsageError("the module is missing, such as main.ts");
  }
  return [executable(), "run", `--preload=${PRELOAD.href}`, ...deno];
}

/** Reports options of `serve` among the arguments of MODULE. */
function warnOfOptions(
  { moduleArguments }: ServeArguments,
  report: (line: string) => void,
): void {
  const names = [...SERVE_OPTIONS.values, ...SERVE_OPTIONS.flags, "sock"];
  for (const word of moduleArguments) {
    if (!names.some((name) => word.split("=", 1)[0] === `--${name}`)) continue;
    report(`${word} is an argument of MODULE: options of serve go before it`);
  }
}

/** The command `serve`. */
export const serveCommand: Command = {
  name: "serve",
  usage: USAGE,
  parse: (args) => {
    const split = splitAtModule(args);
    const given = readOptions(split.before, SERVE_OPTIONS);
    if (given.show !== undefined) return { show: given.show };
    const socket = readAddress(given.operands);
    const command = commandOf(split.deno);
    const options: RunOptions = {
      ...readRunOptions(given, "notify"),
      sockets: [socket],
      command,
      variables: {
        [SERVE_VARIABLES.autoServe]: "1",
        ...readTls(given, socket),
      },
    };
    return {
      run: () => {
        // It starts this program again, before a line is reported.
        withstandSignals();
        warnOfOptions(split, reporter(`${programName()} serve`));
        return run(options, "serve");
      },
    };
  },
};
