import { OsError } from "../../ffi/errno.ts";
import { ErrorCode } from "../../protocol.ts";
import { BindError } from "../errors.ts";
import { FetchError } from "./fetched_sockets.ts";

const BY_ERRNO: Readonly<Record<string, string>> = {
  EADDRINUSE:
    "another program listens there: `ss -ltnp` (for a path `ss -lxp`) shows which; end it, or let it get its socket from the daemon too",
  EACCES:
    "the daemon's user may not bind that: start it with the capability CAP_NET_BIND_SERVICE, or take a port from 1024 on",
  EADDRNOTAVAIL: "this machine has no such address: `ip address` shows which",
};

const BY_CODE: Readonly<Record<number, string>> = {
  [ErrorCode.DENIED]: "the daemon's policy has to allow it (--policy)",
  [ErrorCode.NO_DESCRIPTORS]:
    "raise the daemon's limit of open files (`ulimit -n`, LimitNOFILE=)",
  [ErrorCode.METHOD_NOT_FOUND]: "this daemon is too old for it: upgrade it",
  [ErrorCode.NO_SUCH_BIND]: "the command list shows what is bound",
};

/** What whoever sees an error can do about it, where that is known. */
export function adviceFor(error: unknown): string | undefined {
  if (error instanceof FetchError) return adviceFor(error.cause);
  if (error instanceof BindError) {
    const data = error.data as { code?: unknown } | null | undefined;
    return BY_CODE[error.code] ?? BY_ERRNO[String(data?.code)];
  }
  if (error instanceof OsError && error.code === "EACCES") {
    return "the control socket's owner decides who may connect (--mode, --group of the daemon)";
  }
  return undefined;
}
