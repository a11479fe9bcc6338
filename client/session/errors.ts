import type { ErrorObject } from "../../protocol.ts";

/**
 * The daemon says no. `code` is the JSON-RPC error's number, one of
 * {@linkcode ErrorCode}: 10000 could not bind, 10001 denied, 10002 no
 * descriptors left, 10003 a limit of the daemon's is reached, 10004 no such
 * bind, -32602 invalid params.
 *
 * @example
 * ```ts no-eval
 * import { bind, BindError } from "jsr:@multibinder/client";
 *
 * try {
 *   using web = await bind("127.0.0.1", 80);
 * } catch (error) {
 *   if (error instanceof BindError) console.error(error.code, error.data);
 *   // 10000 { errno: 13, code: "EACCES", syscall: "bind" }
 * }
 * ```
 */
export class BindError extends Error {
  /** `BindError`. */
  override readonly name = "BindError";
  /** The number in the answer. */
  readonly code: number;
  /** Of a failed call `{errno, code, syscall}`; not every server sends it. */
  readonly data: unknown;

  /** Wraps the `error` of an answer. */
  constructor({ code, message, data }: ErrorObject) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** No daemon, or no answer from it, within the time allowed. */
export class TimeoutError extends Error {
  /** `TimeoutError`. */
  override readonly name = "TimeoutError";
}
