import { AddressError, parseAddress } from "../../../address.ts";
import { FIRST_LISTEN_FD } from "../../../ffi/systemd/listen_fds.ts";
import { UsageError } from "../options/usage_error.ts";

/** A socket that a command passes to its program. */
export interface RequestedSocket {
  /** Its name in LISTEN_FDNAMES. */
  name: string;
  /** In the syntax of parseAddress in address.ts. */
  address: string;
}

/** What `exec` and `run` start. */
export interface Launch {
  /** The program has them at 3, 4, ... */
  sockets: RequestedSocket[];
  /** The program and its arguments, with `{fd}` replaced. */
  command: string[];
}

/** The name of an unnamed socket (sd_listen_fds_with_names(3)). */
const UNNAMED = "unknown";

// A name ends at the first `=`. An address that contains one has a colon before it.
const NAMED = /^([^:=/@[\]]*)=(.*)$/s;

function readSocket(word: string): RequestedSocket {
  const parts = NAMED.exec(word);
  const name = parts?.[1] ?? UNNAMED;
  const address = parts?.[2] ?? word;
  if (!/^[\x21-\x7e]{1,255}$/.test(name)) {
    throw new UsageError(
      `invalid socket name ${
        JSON.stringify(name)
      }: expected printable ASCII without spaces and colons`,
    );
  }
  try {
    parseAddress(address);
  } catch (error) {
    if (error instanceof AddressError) throw new UsageError(error.message);
    throw error;
  }
  return { name, address };
}

/**
 * Replaces placeholders by descriptors: `{fd}` is the first socket, `{fd1}` and
 * `{fd2}` are the next ones, `{fd:web}` is the one with that name.
 */
function fill(word: string, sockets: readonly RequestedSocket[]): string {
  return word.replace(
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

/** Divides a command line at the first `--`. */
export function divide(
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
  const sockets = addresses.map(readSocket);
  if (sockets.length === 0) {
    throw new UsageError("an address is missing, such as 127.0.0.1:8000");
  }
  if (command.length === 0) {
    throw new UsageError("the command is missing: write it after --");
  }
  return { sockets, command: command.map((word) => fill(word, sockets)) };
}
