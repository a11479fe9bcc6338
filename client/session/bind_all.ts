import type { Binding } from "../binding/binding.ts";
import { checkOptions } from "./known_options.ts";
import { ClientConnection, type WantedSocket } from "./client_connection.ts";
import {
  type ConnectOptions,
  limitsOf,
  type SocketOptions,
} from "./options.ts";
import { socketPath } from "./socket_path.ts";
import { readTarget } from "./bind_arguments.ts";
import { run, type Steps } from "./waiting.ts";

/** One of the sockets that {@linkcode bindAll} asks for. */
export interface SocketRequest extends SocketOptions {
  /** A host if `port` is set, else an address for {@linkcode parseAddress}. */
  address: string;
  /** 0 to 65535. */
  port?: number;
}

/** SCM_MAX_FD, unix(7): the limit of descriptors in one message. */
const MAX_SOCKETS = 253;

/**
 * Reads the requests.
 *
 * @throws {AddressError} for an invalid address.
 * @throws {RangeError} for more than 253 sockets.
 * @throws {TypeError} for an unknown option or an invalid mode.
 */
export function readRequests(
  requests: readonly (string | SocketRequest)[],
): WantedSocket[] {
  if (requests.length > MAX_SOCKETS) {
    throw new RangeError(
      `cannot bind ${requests.length} sockets in one request: the limit is ${MAX_SOCKETS}`,
    );
  }
  return requests.map(readRequest);
}

function readRequest(request: string | SocketRequest): WantedSocket {
  if (typeof request === "string") {
    return { address: readTarget(request, []).target, options: {} };
  }
  checkOptions("a socket of bindAll", request, request.address);
  const { address, port, ...options } = request;
  const { target } = port === undefined
    ? readTarget(address, [])
    : readTarget(address, [port]);
  return { address: target, options };
}

/** Requests several sockets on a connection of their own. */
export function* bindTogether(
  path: string,
  wanted: readonly WantedSocket[],
): Steps<Binding[]> {
  using connection = new ClientConnection(path);
  return yield* connection.bindAll(wanted);
}

/**
 * Asks the daemon for several sockets in one request: all of them or none.
 *
 * The result has the order of `requests`. If one bind fails, the daemon undoes
 * the others. The limits are 253 sockets (SCM_MAX_FD, unix(7)) and a request of
 * 65536 bytes. `timeout` is in ms (default: 10000).
 *
 * A Ruby multibinder does not know batches: it gets one request after the other,
 * and keeps the sockets that it bound before one failed.
 *
 * @throws the same errors as {@linkcode bind}; the message names the address.
 * @throws {BindError} -32600 for a request of more than 65536 bytes.
 * @throws {RangeError} for more than 253 sockets.
 *
 * @example
 * ```ts no-eval
 * import { bindAll } from "jsr:@multibinder/client";
 *
 * const [http, https, admin] = await bindAll([
 *   ":80",
 *   { address: ":443", backlog: 4096 },
 *   { address: "unix:/run/web/admin.sock", mode: 0o600 },
 * ]);
 * ```
 */
export async function bindAll(
  requests: readonly (string | SocketRequest)[],
  options: ConnectOptions = {},
): Promise<Binding[]> {
  checkOptions("bindAll", options);
  const wanted = readRequests(requests);
  const path = socketPath(options.sock);
  return await run(bindTogether(path, wanted), limitsOf(options));
}
