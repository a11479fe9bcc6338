import { dirname } from "@std/path/posix/dirname";
import { hasHost, type Kind, parseAddress } from "../../address.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { ErrorCode } from "../../protocol.ts";
import { SocketAddressError } from "../../ffi/sockets/socket_address.ts";
import { BindError, TimeoutError } from "../session/errors.ts";
import { commandHint, daemonHint } from "./program_name.ts";
import { FetchError } from "./start/fetched_sockets.ts";

/** The kind of the address that could not be bound, or its path, if known. */
type Place = { path: string | undefined } | { kind: Kind | undefined };

function placeOf(
  { message }: BindError,
  requested: string | undefined,
): Place {
  if (requested !== undefined) {
    const address = parseAddress(requested);
    return hasHost(address) ? { kind: address.kind } : { path: address.path };
  }
  // `Could not bind: bind /run/web.sock: ...`, or a directory of the path.
  const isPath = /: \w+ [/@].*: [^:]*$/s.test(message);
  return isPath ? { path: undefined } : { kind: undefined };
}

function inUse(place: Place, message: string): string {
  if (message.includes("which is not a socket")) {
    return "the path is a file that is not a socket: remove it, or use another path";
  }
  const command = "path" in place
    ? "ss -lxp"
    : place.kind === "udp"
    ? "ss -lunp"
    : "ss -ltnp";
  return `another program listens on this address, or still has a socket that the daemon has released: find it with \`${command}\`, then end it or let it get its socket from the daemon`;
}

function missing(path: string | undefined): string {
  const command = path === undefined ? "" : ` (\`mkdir -p ${dirname(path)}\`)`;
  return `the directory does not exist: create it${command}`;
}

function notPermitted(message: string): string | undefined {
  if (/SO_MARK|_TRANSPARENT/.test(message)) {
    return "this option needs a daemon with the capability CAP_NET_ADMIN or CAP_NET_RAW";
  }
  if (message.includes("in which several users can replace")) {
    return "remove the write permission of other users from this directory (`chmod go-w`), or use another directory";
  }
  return undefined;
}

function adviceForErrno(
  code: string,
  place: Place,
  message: string,
): string | undefined {
  switch (code) {
    case "EADDRINUSE":
      return inUse(place, message);
    case "EACCES":
      return "path" in place
        ? "the daemon needs permission to write to the directory and to search the directories above it"
        : "ports below 1024 need a daemon with the capability CAP_NET_BIND_SERVICE";
    case "EADDRNOTAVAIL":
      return "this machine does not have this address: `ip address` lists its addresses";
    case "ENOENT":
      return "path" in place ? missing(place.path) : undefined;
    case "EPERM":
      return notPermitted(message);
  }
  return undefined;
}

const BY_CODE: Readonly<Record<number, string>> = {
  [ErrorCode.NO_DESCRIPTORS]:
    "raise the limit of open files of the daemon (`ulimit -n`, LimitNOFILE=)",
  [ErrorCode.METHOD_NOT_FOUND]:
    "the daemon does not have this method: upgrade it",
};

/** A relative path: the daemon has another working directory. */
function relativePath({ message }: BindError): string | undefined {
  const [, path] = /: path (.*) is not absolute$/s.exec(message) ?? [];
  return path && `write the whole path: unix:$PWD/${path.replace(/^\.\//, "")}`;
}

/** Which rule to change, and how to try the change. */
function denied({ message }: BindError): string {
  const [, method, address, uid] =
    /: (\w+)(?: of (.*))? for uid (\d+), by /s.exec(message) ?? [];
  const request = method === undefined
    ? ""
    : ` --as ${uid} ${method}${address ? ` ${address}` : ""}`;
  return `allow it in the policy of the daemon (--policy); the daemon's options \`--check-policy FILE${request}\` try a policy`;
}

/** The options of `exec` and `run` that a daemon can find invalid. */
const INVALID_OPTION =
  /Invalid params: (?:option )?(backlog|mode|owner|group)\b(?:: )?/;

/** The message of an error. It names an option as the command line does. */
export function messageOf(error: Error): string {
  const cause = error instanceof FetchError ? error.cause : error;
  return cause instanceof BindError && cause.code === ErrorCode.INVALID_PARAMS
    ? error.message.replace(INVALID_OPTION, "--$1: ")
    : error.message;
}

function isNoDaemon(error: unknown): error is OsError {
  return error instanceof OsError && error.syscall === "connect" &&
    ["ENOENT", "ECONNREFUSED"].includes(error.code);
}

/** What to do if a command that has the option `--timeout` has waited in vain. */
export function adviceForTimeout(error: unknown): string | undefined {
  const cause = error instanceof FetchError ? error.cause : error;
  if (!(cause instanceof TimeoutError)) return undefined;
  const [, path] = /: connect (.*): [^:]*; is the daemon running\?$/s
    .exec(cause.message) ?? [];
  const start = path === undefined ? "" : ` (\`${daemonHint(path)}\`)`;
  return `start the daemon${start}, name another control socket with --sock or MULTIBINDER_SOCK, or wait longer with --timeout`;
}

/**
 * What to do about an error, if known.
 *
 * @param requested the address that was requested, if known
 */
export function adviceFor(
  error: unknown,
  requested?: string,
): string | undefined {
  if (error instanceof FetchError) return adviceFor(error.cause, error.address);
  if (error instanceof BindError) {
    const data = error.data as { code?: unknown } | null | undefined;
    const { message } = error;
    if (error.code === ErrorCode.DENIED) return denied(error);
    if (error.code === ErrorCode.NO_SUCH_BIND) {
      return `\`${commandHint("list")}\` shows the binds`;
    }
    return BY_CODE[error.code] ?? relativePath(error) ??
      adviceForErrno(String(data?.code), placeOf(error, requested), message);
  }
  if (isNoDaemon(error)) {
    const [, path = "PATH"] = /^connect (.*): [^:]*$/s.exec(error.message) ??
      [];
    const start = daemonHint(path);
    return `no daemon listens there: start it (\`${start}\`), or name its control socket with --sock or MULTIBINDER_SOCK`;
  }
  if (error instanceof SocketAddressError) {
    return "--sock or MULTIBINDER_SOCK has to name the control socket of a daemon";
  }
  if (error instanceof OsError && error.code === "EACCES") {
    return "the mode and group of the control socket decide which users may connect (--mode and --group of the daemon)";
  }
  return undefined;
}
