import type { ErrorObject } from "../../protocol.ts";

/**
 * The daemon answered with an error.
 *
 * `code` is the number of the JSON-RPC error, see {@linkcode ErrorCode}: 10000
 * could not bind, 10001 denied by the policy, 10002 no descriptors left, 10003 a
 * limit of the daemon is reached, 10004 no such bind, -32602 invalid params.
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
  /** Number of the JSON-RPC error. */
  readonly code: number;
  /** `{errno, code, syscall}` of a failed call (errno(3)). Some servers omit it. */
  readonly data: unknown;

  /** Wraps the `error` of an answer. */
  constructor({ code, message, data }: ErrorObject) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/**
 * The daemon did not accept the connection or did not answer within `timeout`.
 *
 * The message has the timeout in ms and what was missing.
 *
 * @example
 * ```ts no-eval
 * import { bind, TimeoutError } from "jsr:@multibinder/client";
 *
 * try {
 *   using web = await bind("127.0.0.1:8000", { timeout: 500 });
 * } catch (error) {
 *   if (error instanceof TimeoutError) console.error(error.message);
 *   // gave up after 500 ms: connect /run/mb.sock: No such file or directory (ENOENT); is the daemon running?
 * }
 * ```
 */
export class TimeoutError extends Error {
  /** `TimeoutError`. */
  override readonly name = "TimeoutError";
}
