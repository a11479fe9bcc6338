import { dirname } from "@std/path/posix/dirname";
import { hasHost, type Kind, parseAddress } from "../../address.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { ErrorCode } from "../../protocol.ts";
import { BindError } from "../session/errors.ts";
import { FetchError } from "./start/fetched_sockets.ts";

/** The path or kind of the address that could not be bound, if known. */
type Place = { path: string | undefined } | { kind: Kind | undefined };

function placeOf({ message }: BindError, asked: string | undefined): Place {
  if (asked !== undefined) {
    const address = parseAddress(asked);
    return hasHost(address) ? { kind: address.kind } : { path: address.path };
  }
  // `Could not bind: bind /run/web.sock: ...`, or a directory on the way.
  const isPath = /: \w+ [/@].*: [^:]*$/s.test(message);
  return isPath ? { path: undefined } : { kind: undefined };
}

function inUse(place: Place, message: string): string {
  if (message.includes("which is not a socket")) {
    return "the path is a file that is not a socket: remove it or choose another path";
  }
  const command = "path" in place
    ? "ss -lxp"
    : place.kind === "udp"
    ? "ss -lunp"
    : "ss -ltnp";
  return `another program listens there: \`${command}\` shows which; end it, or let it get its socket from the daemon too`;
}

function missing(path: string | undefined): string {
  const command = path === undefined ? "" : ` (\`mkdir -p ${dirname(path)}\`)`;
  return `the directory is missing: create it${command}`;
}

function notPermitted(message: string): string | undefined {
  if (/SO_MARK|_TRANSPARENT/.test(message)) {
    return "the daemon needs the capability CAP_NET_ADMIN or CAP_NET_RAW for it";
  }
  if (message.includes("in which several users can replace")) {
    return "take that directory's write permission from others (`chmod go-w`), or take a path elsewhere";
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
        ? "the daemon's user has to be allowed to write the directory and to search those above it"
        : "the daemon's user may not bind that: start it with the capability CAP_NET_BIND_SERVICE, or take a port from 1024 on";
    case "EADDRNOTAVAIL":
      return "this machine has no such address: `ip address` shows which";
    case "ENOENT":
      return "path" in place ? missing(place.path) : undefined;
    case "EPERM":
      return notPermitted(message);
  }
  return undefined;
}

const BY_CODE: Readonly<Record<number, string>> = {
  [ErrorCode.DENIED]: "the daemon's policy has to allow it (--policy)",
  [ErrorCode.NO_DESCRIPTORS]:
    "raise the daemon's limit of open files (`ulimit -n`, LimitNOFILE=)",
  [ErrorCode.METHOD_NOT_FOUND]: "this daemon is too old for it: upgrade it",
  [ErrorCode.NO_SUCH_BIND]: "the command list shows what is bound",
};

/**
 * What the user can do about an error, if known.
 *
 * @param asked the requested address, if known
 */
export function adviceFor(error: unknown, asked?: string): string | undefined {
  if (error instanceof FetchError) return adviceFor(error.cause, error.address);
  if (error instanceof BindError) {
    const data = error.data as { code?: unknown } | null | undefined;
    const { message } = error;
    return BY_CODE[error.code] ??
      adviceForErrno(String(data?.code), placeOf(error, asked), message);
  }
  if (error instanceof OsError && error.code === "EACCES") {
    return "the control socket's owner decides who may connect (--mode, --group of the daemon)";
  }
  return undefined;
}
