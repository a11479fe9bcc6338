/**
 * Sends one message to a daemon and receives the answer. The client library and
 * the takeover client share this file.
 *
 * @module
 */
import { closeAll, Descriptor } from "./ffi/files/descriptor.ts";
import { receiveDescriptors } from "./ffi/sockets/descriptor_passing.ts";
import { Errno, OsError } from "./ffi/libc/errno.ts";
import type { Readiness } from "./ffi/files/readiness.ts";
import { send } from "./ffi/sockets/socket.ts";
import {
  type Answer,
  decodeMessage,
  encodeMessage,
  type ErrorObject,
  Framing,
  FramingError,
} from "./protocol.ts";

/** The longest answer, in bytes; a list of 10,000 binds has about 3 MB. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** Yielded by an exchange that must wait until a socket is ready. */
export interface SocketWait {
  fd: number;
  readiness: Readiness;
  /** The reason for a timeout error. */
  missing: string;
}

/** The method and params of a request. */
export interface Call {
  /** Such as `bind`. */
  method: string;
  /** The params of the method. */
  params?: unknown;
}

/**
 * The answer on the control socket is not valid, or does not have the sockets
 * that were requested. The connection is closed.
 *
 * @example
 * ```ts no-eval
 * import { bind, ProtocolError } from "jsr:@multibinder/client";
 *
 * try {
 *   using web = await bind("127.0.0.1", 8000, { sock: "/run/other.sock" });
 * } catch (error) {
 *   if (error instanceof ProtocolError) console.error(error.message);
 * }
 * ```
 */
export class ProtocolError extends Error {
  /** `ProtocolError`. */
  override readonly name: string = "ProtocolError";
}

/** The connection ended before the answer began. The request may be repeated. */
export class ConnectionLost extends ProtocolError {
  /** `ConnectionLost`. */
  override readonly name: string = "ConnectionLost";
}

/**
 * Send one request and receive the answer, which can be an error. The caller
 * owns the descriptors.
 *
 * @throws as {@linkcode exchangeMessages} and {@linkcode readAnswer}.
 */
export function* exchangeRequest(
  fd: number,
  call: Call,
): Generator<SocketWait, { answer: Answer; descriptors: Descriptor[] }, void> {
  const id = crypto.randomUUID();
  const request = { jsonrpc: "2.0", id, ...call };
  const { message, descriptors } = yield* exchangeMessages(fd, request);
  try {
    return { answer: readAnswer(message, id), descriptors };
  } catch (error) {
    closeAll(descriptors);
    throw error;
  }
}

/**
 * Send one message and receive one with its descriptors. The caller owns the
 * descriptors.
 *
 * @throws {ConnectionLost} when the connection ends before an answer begins.
 * @throws {ProtocolError} when the answer is not JSON or is cut off.
 */
export function* exchangeMessages(
  fd: number,
  message: unknown,
): Generator<
  SocketWait,
  { message: unknown; descriptors: Descriptor[] },
  void
> {
  let lost: ConnectionLost | undefined;
  try {
    yield* sendAll(fd, encodeMessage(message));
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    // A daemon that refuses a client answers before it has read the request.
    lost = error;
  }
  return yield* receiveMessage(fd, lost);
}

function* sendAll(
  fd: number,
  bytes: Uint8Array<ArrayBuffer>,
): Generator<SocketWait, void, void> {
  let rest = bytes;
  while (rest.length > 0) {
    const sent = unlessLost(() => send(fd, rest));
    if (sent === -1) {
      const missing = "the daemon does not read the request";
      yield { fd, readiness: "write", missing };
    } else {
      rest = rest.subarray(sent);
    }
  }
}

/**
 * Receives a message. After a connection is `lost`, no more data arrives, so it
 * does not wait.
 */
function* receiveMessage(
  fd: number,
  lost: ConnectionLost | undefined,
): Generator<
  SocketWait,
  { message: unknown; descriptors: Descriptor[] },
  void
> {
  const framing = new Framing(MAX_ANSWER);
  const descriptors: Descriptor[] = [];
  try {
    while (true) {
      if (lost === undefined) {
        const missing = "the daemon has not answered";
        yield { fd, readiness: "read", missing };
      }
      const received = unlessLost(() => receiveDescriptors(fd));
      if (received === undefined) {
        if (lost !== undefined) throw lost;
        continue;
      }
      descriptors.push(
        ...received.descriptors.map((each) => new Descriptor(each)),
      );
      if (received.truncated) {
        throw new ProtocolError(
          "descriptors were lost on the way: this process may not open more (RLIMIT_NOFILE)",
        );
      }
      if (received.bytes.length === 0) {
        throw framing.pending.length === 0
          ? new ConnectionLost("the daemon closed the connection unanswered")
          : new ProtocolError("the daemon's answer is incomplete");
      }
      framing.append(received.bytes);
      const message = framing.next();
      if (message !== undefined) {
        return { message: decodeAnswer(message), descriptors };
      }
    }
  } catch (error) {
    closeAll(descriptors);
    if (error instanceof FramingError) throw notJson(error);
    throw error;
  }
}

function decodeAnswer(message: Uint8Array<ArrayBuffer>): unknown {
  try {
    return decodeMessage(message);
  } catch (error) {
    throw notJson(error);
  }
}

function notJson(cause: unknown): ProtocolError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ProtocolError(`the daemon's answer is not JSON: ${reason}`, {
    cause,
  });
}

const LOST: ReadonlySet<number> = new Set([Errno.EPIPE, Errno.ECONNRESET]);

function unlessLost<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof OsError && LOST.has(error.errno)) {
      throw new ConnectionLost(
        `the daemon closed the connection unanswered: ${error.message}`,
        { cause: error },
      );
    }
    throw error;
  }
}

/**
 * Check and return the answer to the request with the given id.
 *
 * @throws {ProtocolError} when it is not an answer to this request.
 */
export function readAnswer(message: unknown, id: string): Answer {
  if (typeof message !== "object" || message === null) {
    throw new ProtocolError("the daemon's answer is not an object");
  }
  const answer = message as Answer;
  const error = readError(answer);
  // An error can have no id: the Ruby server omits it for an unknown method,
  // and a server cannot know the id of a malformed request.
  const anonymous = error !== undefined && (answer.id ?? null) === null;
  if (answer.id !== id && !anonymous) {
    throw new ProtocolError(
      `the daemon answered ${JSON.stringify(answer.id)}, not ${id}`,
    );
  }
  return error === undefined ? { id, result: answer.result } : { id, error };
}

function readError(answer: Answer): ErrorObject | undefined {
  const error: Partial<ErrorObject> | null | undefined = answer.error;
  if (error === undefined || error === null) return undefined;
  const { code, message, data } = error;
  if (typeof code !== "number" || typeof message !== "string") {
    throw new ProtocolError("the error in the daemon's answer is invalid");
  }
  return { code, message, data };
}
