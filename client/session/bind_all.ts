import type { Binding } from "../binding/binding.ts";
import { checkOptions } from "./known_options.ts";
import { Line, type WantedSocket } from "./client_connection.ts";
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
  /** A host where `port` is given, else as {@linkcode parseAddress} reads it. */
  address: string;
  /** 0 to 65535. */
  port?: number;
}

/** The most sockets that one message can carry, SCM_MAX_FD of unix(7). */
const MOST = 253;

/**
 * Reads the requests.
 *
 * @throws {AddressError} for an address that is none.
 * @throws {RangeError} for more than one message can carry.
 * @throws {TypeError} for an option that there is not, or a mode that is none.
 */
export function readRequests(
  requests: readonly (string | SocketRequest)[],
): WantedSocket[] {
  if (requests.length > MOST) {
    throw new RangeError(
      `${requests.length} sockets in one request, which can carry ${MOST}`,
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

function* bindTogether(
  path: string,
  wanted: readonly WantedSocket[],
): Steps<Binding[]> {
  using line = new Line(path);
  return yield* line.bindAll(wanted);
}

/**
 * Asks for several sockets in one request, at most 253 and what fits in 64 KiB:
 * all of them, in order, or none. What was bound for it is undone when one
 * cannot be.
 *
 * A Ruby multibinder is asked for one after the other, and keeps what it bound
 * before one failed.
 *
 * @throws as {@linkcode bind}, for the first one that failed, which the message
 * names.
 * @throws {BindError} -32600 for a request of more than 64 KiB.
 * @throws {RangeError} for more than 253.
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
