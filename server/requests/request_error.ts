import { type Address, formatAddress, hasHost } from "../../address.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { ErrorCode, type ErrorData, type ErrorObject } from "../../protocol.ts";

/** An error that a request is answered with. */
export class RequestError extends Error {
  /** `RequestError`. */
  override readonly name = "RequestError";

  /** `code`, `message` and `data` of the answer. */
  constructor(readonly code: number, message: string, readonly data?: unknown) {
    super(message);
  }
}

/** The error of a request with an invalid param. */
export function invalidParams(message: string): RequestError {
  return new RequestError(
    ErrorCode.INVALID_PARAMS,
    `Invalid params: ${message}`,
  );
}

const OUT_OF_DESCRIPTORS: ReadonlySet<number> = new Set([
  Errno.EMFILE,
  Errno.ENFILE,
  Errno.ENOMEM,
  Errno.ENOBUFS,
  Errno.ETOOMANYREFS,
]);

/** Whether a call failed because descriptors or memory for them ran out. */
export function isOutOfDescriptors(error: unknown): error is OsError {
  return error instanceof OsError && OUT_OF_DESCRIPTORS.has(error.errno);
}

function dataOf({ errno, code, syscall }: OsError): ErrorData {
  return { errno, code, syscall };
}

/** The error of a request that failed in the kernel. */
export function bindError(error: unknown): RequestError {
  if (isOutOfDescriptors(error)) {
    return new RequestError(
      ErrorCode.NO_DESCRIPTORS,
      `No descriptors left: ${error.message}`,
      dataOf(error),
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return new RequestError(
    ErrorCode.COULD_NOT_BIND,
    `Could not bind: ${message}`,
    error instanceof OsError ? dataOf(error) : undefined,
  );
}

/** The error of a request for a socket that is not held. */
export function noSuchBind(asked: Address): RequestError {
  return new RequestError(
    ErrorCode.NO_SUCH_BIND,
    `No such bind: ${formatAddress(asked)}${shardIn(asked)}`,
  );
}

function shardIn(address: Address): string {
  return hasHost(address) && address.shard !== undefined
    ? `, shard ${address.shard}`
    : "";
}

/** Whether another socket occupies the address of a `bind`. */
export function isAddressInUse(error: unknown): boolean {
  const data = error instanceof RequestError ? error.data : undefined;
  return typeof data === "object" && data !== null && "errno" in data &&
    data.errno === Errno.EADDRINUSE;
}

/**
 * The error of a bind whose held socket is of no use and cannot be bound anew.
 * `data.damage` says why.
 */
export function damagedError(
  damage: string | undefined,
  error: OsError | RequestError,
): RequestError {
  const { code, message, data } = error instanceof RequestError
    ? error
    : bindError(error);
  if (damage === undefined) return new RequestError(code, message, data);
  return new RequestError(
    code,
    `${message}; a holder has damaged the held socket: ${damage}`,
    { ...(typeof data === "object" && data), damage },
  );
}

/** The `error` of an answer. */
export function errorObject(
  { code, message, data }: RequestError,
): ErrorObject {
  return data === undefined ? { code, message } : { code, message, data };
}
