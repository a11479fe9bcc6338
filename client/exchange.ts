import type { Address } from "../address.ts";
import { closeAll, Descriptor } from "../ffi/descriptor.ts";
import { receiveDescriptors } from "../ffi/descriptor_passing.ts";
import { Errno, OsError } from "../ffi/errno.ts";
import { send, streamSocket, tryConnect } from "../ffi/socket.ts";
import type { UnixAddress } from "../ffi/socket_address.ts";
import {
  type Answer,
  decodeMessage,
  encodeMessage,
  type ErrorObject,
  Framing,
  FramingError,
} from "../protocol.ts";
import { BindError, ConnectionLost, ProtocolError } from "./errors.ts";
import { namingAddress } from "./naming_address.ts";
import type { Steps } from "./waiting.ts";

/** A daemon that starts has no socket yet, or one that nobody listens on. */
const NOT_UP_YET: ReadonlySet<number> = new Set([
  Errno.ENOENT,
  Errno.ECONNREFUSED,
  // Its accept queue is full.
  Errno.EAGAIN,
]);

const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 100;

/** The longest answer we take in, in bytes. */
const MAX_ANSWER = 64 * 1024 * 1024;

/**
 * Connects to a control socket, also to one that is not there yet.
 *
 * @throws {OsError} EACCES and whatever else no waiting mends.
 * @throws {SocketAddressError} for a path that is too long.
 */
export function* connectTo(path: string): Steps<Descriptor> {
  const address: UnixAddress = { family: "unix", path };
  for (let pause = FIRST_PAUSE;; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const socket = streamSocket(address, { nonblocking: true });
    let errno: number | undefined;
    try {
      errno = tryConnect(socket.fd, address);
    } finally {
      // A path that no socket address can hold throws.
      if (errno !== 0) socket.close();
    }
    if (errno === 0) return socket;
    const failure = new OsError("connect", errno, path);
    if (!NOT_UP_YET.has(errno)) throw failure;
    yield { pause, missing: `${failure.message}; is the daemon running?` };
  }
}

/** What a request asks for. */
export interface Call {
  /** Such as `bind`. */
  method: string;
  /** As the method takes them. */
  params?: unknown;
}

/** One of several requests, and the address that it is about. */
export interface BatchCall extends Call {
  about: Address;
}

/** A success: the result and what came beside it, which the caller owns. */
export interface Success {
  result: unknown;
  descriptors: Descriptor[];
}

/**
 * Sends one request and takes in its answer.
 *
 * @throws {BindError} when the answer says no.
 * @throws {ConnectionLost} when the connection ends before an answer begins.
 * @throws {ProtocolError} when what comes is no answer to this request.
 */
export function* exchange(socket: Descriptor, call: Call): Steps<Success> {
  const id = crypto.randomUUID();
  const request = { jsonrpc: "2.0", id, ...call };
  const { message, descriptors } = yield* answerTo(socket.fd, request);
  try {
    return { result: resultOf(message, id), descriptors };
  } catch (error) {
    closeAll(descriptors);
    throw error;
  }
}

/**
 * Sends several requests as one message: the descriptors that came with the
 * answers, which the caller owns.
 *
 * @throws as {@linkcode exchange}, for the request that failed by itself.
 */
export function* exchangeBatch(
  socket: Descriptor,
  calls: readonly BatchCall[],
): Steps<Descriptor[]> {
  const requests = calls.map(({ method, params }) => ({
    jsonrpc: "2.0",
    id: crypto.randomUUID(),
    method,
    params,
  }));
  const { message, descriptors } = yield* answerTo(socket.fd, requests);
  try {
    checkAnswers(message, requests.map(({ id }) => id), calls);
    return descriptors;
  } catch (error) {
    closeAll(descriptors);
    throw error;
  }
}

function* answerTo(
  fd: number,
  request: unknown,
): Steps<{ message: unknown; descriptors: Descriptor[] }> {
  try {
    yield* sendAll(fd, encodeMessage(request));
  } catch (error) {
    // A daemon that refuses us answers before it has read the request.
    if (!(error instanceof ConnectionLost)) throw error;
  }
  return yield* receiveAnswer(fd);
}

/** Those of the same batch fail with one: what failed by itself is thrown. */
function checkAnswers(
  message: unknown,
  ids: readonly string[],
  calls: readonly BatchCall[],
): void {
  // One refusal of all of it, such as a message that is too long.
  if (!Array.isArray(message)) {
    resultOf(message, ids[0]!);
    throw new ProtocolError("the daemon's answer to a batch is no array");
  }
  if (message.length !== ids.length) {
    throw new ProtocolError(
      `the daemon answered ${message.length} of ${ids.length} requests`,
    );
  }
  const failures = ids.flatMap((id, index) => {
    try {
      resultOf(message[index], id);
      return [];
    } catch (error) {
      return [namingAddress(error, calls[index]!.about)];
    }
  });
  const own = failures.find((each) => !isUndone(each)) ?? failures[0];
  if (own !== undefined) throw own;
}

function isUndone(error: unknown): boolean {
  return error instanceof BindError && typeof error.data === "object" &&
    error.data !== null && "undone" in error.data;
}

function* sendAll(fd: number, bytes: Uint8Array<ArrayBuffer>): Steps<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const sent = unlessLost(() => send(fd, rest));
    if (sent === -1) {
      const missing = "the daemon does not take in the request";
      yield { fd, readiness: "write", missing };
    } else {
      rest = rest.subarray(sent);
    }
  }
}

function* receiveAnswer(
  fd: number,
): Steps<{ message: unknown; descriptors: Descriptor[] }> {
  const framing = new Framing(MAX_ANSWER);
  const descriptors: Descriptor[] = [];
  try {
    while (true) {
      const received = unlessLost(() => receiveDescriptors(fd));
      if (received === undefined) {
        const missing = "the daemon has not answered";
        yield { fd, readiness: "read", missing };
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
          : new ProtocolError("the daemon's answer ended in the middle");
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
  return new ProtocolError(`the daemon's answer is no JSON: ${reason}`, {
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

function resultOf(message: unknown, id: string): unknown {
  if (typeof message !== "object" || message === null) {
    throw new ProtocolError("the daemon's answer is no object");
  }
  const answer = message as Answer;
  const error = errorOf(answer);
  // An error may leave the id out: the Ruby server's does for a method it
  // does not know, and nobody can tell the id of a request he cannot read.
  const anonymous = error !== undefined && (answer.id ?? null) === null;
  if (answer.id !== id && !anonymous) {
    throw new ProtocolError(
      `the daemon answered ${JSON.stringify(answer.id)}, not ${id}`,
    );
  }
  if (error !== undefined) throw error;
  return answer.result;
}

function errorOf(answer: Answer): BindError | undefined {
  const error: Partial<ErrorObject> | null | undefined = answer.error;
  if (error === undefined || error === null) return undefined;
  const { code, message, data } = error;
  if (typeof code !== "number" || typeof message !== "string") {
    throw new ProtocolError("the error in the daemon's answer is none");
  }
  return new BindError({ code, message, data });
}
