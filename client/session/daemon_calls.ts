import type { Address } from "../../address.ts";
import {
  type Call,
  exchangeMessages,
  exchangeRequest,
  ProtocolError,
  readAnswer,
} from "../../exchange.ts";
import { closeAll, type Descriptor } from "../../ffi/files/descriptor.ts";
import { realPath, statusOf } from "../../ffi/files/file.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { streamSocket, tryConnect } from "../../ffi/sockets/socket.ts";
import {
  SocketAddressError,
  type UnixAddress,
} from "../../ffi/sockets/socket_address.ts";
import { BindError } from "./errors.ts";
import { withAddress } from "./error_with_address.ts";
import type { Steps } from "./waiting.ts";

/** Errors of connect(2) while the daemon starts: no path, or no listener yet. */
const NOT_UP_YET: ReadonlySet<number> = new Set([
  Errno.ENOENT,
  Errno.ECONNREFUSED,
]);

/** The error of connect(2) while the accept queue of the daemon is full. */
const BUSY = Errno.EAGAIN;

/** Whether a path exists and is not a socket; connect(2) reports ECONNREFUSED. */
function isNoSocket(path: string): boolean {
  if (path.startsWith("@")) return false;
  try {
    return statusOf(realPath(path))?.isSocket === false;
  } catch (error) {
    // It was removed at this moment.
    if (error instanceof OsError) return false;
    throw error;
  }
}

const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 100;

/**
 * Connects to a control socket.
 *
 * @param isPatient whether to wait for a daemon that does not listen yet
 * @throws {OsError} EACCES and other errors that do not pass by waiting.
 * @throws {SocketAddressError} for a path that is too long or not a socket.
 */
export function* connectTo(
  path: string,
  isPatient: boolean,
): Steps<Descriptor> {
  const address: UnixAddress = { family: "unix", path };
  for (let pause = FIRST_PAUSE;; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const socket = streamSocket(address, { nonblocking: true });
    let errno: number | undefined;
    try {
      errno = tryConnect(socket.fd, address);
    } finally {
      // tryConnect throws if the path does not fit into sun_path, unix(7).
      if (errno !== 0) socket.close();
    }
    if (errno === 0) return socket;
    const failure = new OsError("connect", errno, path);
    if (errno === Errno.ECONNREFUSED && isNoSocket(path)) {
      throw new SocketAddressError(`${path} is not a socket`);
    }
    const mayPass = errno === BUSY || (isPatient && NOT_UP_YET.has(errno));
    if (!mayPass) throw failure;
    yield { pause, missing: `${failure.message}; is the daemon running?` };
  }
}

/** One of several requests, and the address that it is about. */
export interface BatchCall extends Call {
  about: Address;
}

/** A result and the descriptors that came with it, which the caller owns. */
export interface Success {
  result: unknown;
  descriptors: Descriptor[];
}

/**
 * Sends one request and receives its answer.
 *
 * @throws {BindError} when the answer is an error.
 * @throws {ConnectionLost} when the connection ends before an answer begins.
 * @throws {ProtocolError} when the message is not an answer to this request.
 */
export function* exchange(socket: Descriptor, call: Call): Steps<Success> {
  const { answer, descriptors } = yield* exchangeRequest(socket.fd, call);
  if (answer.error === undefined) {
    return { result: answer.result, descriptors };
  }
  closeAll(descriptors);
  throw new BindError(answer.error);
}

/**
 * Sends several requests as one message and receives their descriptors, which
 * the caller owns.
 *
 * @throws the same errors as {@linkcode exchange}, for the request that failed.
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
  const ids = requests.map(({ id }) => id);
  const { message, descriptors } = yield* exchangeMessages(socket.fd, requests);
  try {
    checkAnswers(message, ids, calls);
    return descriptors;
  } catch (error) {
    closeAll(descriptors);
    throw error;
  }
}

/** Throws the error of the bind that made the batch fail, if one did. */
function checkAnswers(
  message: unknown,
  ids: readonly string[],
  calls: readonly BatchCall[],
): void {
  // The daemon may refuse a whole batch, such as one that is too long.
  if (!Array.isArray(message)) {
    throw failureOf(message, ids[0]!) ??
      new ProtocolError("the daemon's answer to a batch is not an array");
  }
  if (message.length !== ids.length) {
    throw new ProtocolError(
      `the daemon answered ${message.length} of ${ids.length} requests`,
    );
  }
  const failures = ids.flatMap((id, index) => {
    const failure = failureOf(message[index], id);
    return failure === undefined
      ? []
      : [withAddress(failure, calls[index]!.about)];
  });
  const cause = failures.find((each) => !isUndone(each)) ?? failures[0];
  if (cause !== undefined) throw cause;
}

/** The error in an answer, or the ProtocolError of an invalid answer. */
function failureOf(message: unknown, id: string): Error | undefined {
  try {
    const { error } = readAnswer(message, id);
    return error && new BindError(error);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

function isUndone(error: unknown): boolean {
  return error instanceof BindError && typeof error.data === "object" &&
    error.data !== null && "undone" in error.data;
}
