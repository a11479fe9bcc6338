import { FIRST_LISTEN_FD } from "../../../ffi/systemd/listen_fds.ts";
import { readAddress } from "../options/address.ts";
import { UsageError } from "../../../given_options.ts";

/** A socket that a command passes to its program. */
export interface RequestedSocket {
  /** Its name in LISTEN_FDNAMES. */
  name: string;
  /** In the syntax of parseAddress in address.ts. */
  address: string;
}

/** The sockets and the command of `exec` and `run`. */
export interface Launch {
  /** The program gets them as descriptors 3, 4, ... */
  sockets: RequestedSocket[];
  /** The program and its arguments, with `{fd}` replaced. */
  command: string[];
}

/** The name of an unnamed socket (sd_listen_fds_with_names(3)). */
const UNNAMED = "unknown";

// A name ends at the first `=`. An address that contains one has a colon before it.
const NAMED = /^([^:=/@[\]]*)=(.*)$/s;

/**
 * Reads `[NAME=]ADDR`.
 *
 * @throws {UsageError}
 */
export function readSocket(operand: string): RequestedSocket {
  const parts = NAMED.exec(operand);
  const name = parts?.[1] ?? UNNAMED;
  const address = parts?.[2] ?? operand;
  if (!/^[\x21-\x7e]{1,255}$/.test(name)) {
    throw new UsageError(
      `invalid socket name ${
        JSON.stringify(name)
      }: expected printable ASCII without spaces and colons`,
    );
  }
  readAddress(address);
  return { name, address };
}

/**
 * Replaces placeholders by descriptors: `{fd}` is the first socket, `{fd1}` and
 * `{fd2}` are the next ones, `{fd:web}` is the socket with that name.
 */
function replacePlaceholders(
  argument: string,
  sockets: readonly RequestedSocket[],
): string {
  return argument.replace(
    /\{fd(?:(\d+)|:([^}]+))?\}/g,
    (placeholder, number?: string, name?: string) => {
      const index = name === undefined
        ? Number(number ?? 0)
        : sockets.findIndex((socket) => socket.name === name);
      if (sockets[index] === undefined) {
        throw new UsageError(`no socket for ${placeholder}`);
      }
      return String(FIRST_LISTEN_FD + index);
    },
  );
}

/** Splits a command line at the first `--`. */
export function splitAtDashes(
  args: readonly string[],
): { before: string[]; command: string[] } {
  const at = args.indexOf("--");
  return at === -1
    ? { before: [...args], command: [] }
    : { before: args.slice(0, at), command: args.slice(at + 1) };
}

/**
 * Reads the addresses and the command.
 *
 * @throws {UsageError}
 */
export function readLaunch(
  addresses: readonly string[],
  command: readonly string[],
): Launch {
  const sockets = addresses.map((operand, index) => {
    // Only a word that is not an address can be a COMMAND without `--` before it.
    if (index === 0 || command.length > 0 || operand.includes(":")) {
      return readSocket(operand);
    }
    throw new UsageError(
      `${operand} is not an address: write COMMAND after --, as in "${
        addresses[0]
      } -- ${operand}"`,
    );
  });
  if (sockets.length === 0) {
    throw new UsageError("an address is missing, such as 127.0.0.1:8000");
  }
  if (command.length === 0) {
    throw new UsageError("the command is missing: write it after --");
  }
  const [program = ""] = command;
  if (program === "") throw new UsageError("the command after -- is empty");
  if (program.startsWith("-")) {
    throw new UsageError(
      `expected the command after --, got ${program}: options go before --`,
    );
  }
  return {
    sockets,
    command: command.map((each) => replacePlaceholders(each, sockets)),
  };
}
