/**
 * Graceful shutdown of a server: no client loses a request.
 *
 * @module
 */
import {
  bytesRead,
  connectionsAt,
} from "../../ffi/sockets/connection_progress.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import type { SocketAddress } from "../../ffi/sockets/socket_address.ts";
import type { ServeHandler } from "./serve_handler.ts";

/** The longest wait for a connection that has sent nothing, in ms. */
const FIRST_REQUEST_TIMEOUT = 1000;

/** How long responses have `Connection: close` before the shutdown, in ms. */
const CLOSE_PERIOD = 100;

/** Interval between two looks at the connections, in ms. */
const CHECK_INTERVAL = 5;

/** How often to look also if the first pause takes too long. */
const LEAST_LOOKS = 2;

function socketAddress(addr: Deno.Addr): SocketAddress | undefined {
  switch (addr.transport) {
    case "tcp":
      return { family: "ipv4", host: addr.hostname, port: addr.port };
    case "unix":
      return { family: "unix", path: addr.path };
    default:
      return undefined;
  }
}

/** The descriptors of this program's connections that were accepted at `addr`. */
export function acceptedConnections(addr: Deno.Addr): number[] {
  const address = socketAddress(addr);
  return address === undefined ? [] : connectionsAt(address);
}

/**
 * The time between the last accept of a Deno server and its shutdown. Deno's
 * shutdown closes every connection without a request under way, too early for
 * two kinds of connections:
 *
 * - A connection that was just accepted: its first request is on the way.
 * - A persistent connection: its client may send the next request at this moment.
 *   Until the shutdown, every response has `Connection: close`.
 */
export class Draining {
  readonly #addr: Deno.Addr;
  readonly #countsBytes: boolean;
  #hasBegun = false;

  /** `secure`: the server at `addr` uses TLS. */
  constructor(addr: Deno.Addr, secure: boolean) {
    this.#addr = addr;
    // The first bytes of TLS are not a request. The kernel does not count the
    // bytes read from a UNIX socket.
    this.#countsBytes = addr.transport !== "unix" && !secure;
  }

  /** Whether responses need `Connection: close`. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Resolves when Deno's shutdown loses no request: at once without connections,
   * after {@linkcode CLOSE_PERIOD} ms if each connection has sent data, else after
   * {@linkcode FIRST_REQUEST_TIMEOUT} ms. Call it after the last accept.
   */
  async drain(): Promise<void> {
    this.#hasBegun = true;
    const begin = performance.now();
    const elapsed = () => performance.now() - begin;
    let haveSent = false;
    for (
      let looks = 0;
      looks < LEAST_LOOKS || elapsed() < FIRST_REQUEST_TIMEOUT;
      looks++
    ) {
      await new Promise((resolve) => setTimeout(resolve, CHECK_INTERVAL));
      const connections = acceptedConnections(this.#addr);
      if (connections.length === 0) return;
      if (elapsed() < CLOSE_PERIOD) continue;
      // In a busy program the pause is longer. Deno may have read a request in
      // this turn of the event loop, and hands it over in the next one.
      const hadSent = haveSent;
      haveSent = !connections.some((fd) => this.#maySendFirstRequest(fd));
      if (hadSent && haveSent) return;
    }
  }

  #maySendFirstRequest(fd: number): boolean {
    if (!this.#countsBytes) return true;
    try {
      return bytesRead(fd) === 0n;
    } catch (error) {
      // The connection was closed meanwhile.
      if (error instanceof OsError) return false;
      throw error;
    }
  }
}

/** Wraps a handler: its last responses have `Connection: close`. */
export function closeConnectionsWhile(
  draining: Draining,
  handler: ServeHandler,
): ServeHandler {
  const wrapped: ServeHandler = (request, info) => {
    const response = handler(request, info);
    return draining.hasBegun ? withConnectionClose(response) : response;
  };
  if (handler.length > 0) return wrapped;
  // Deno has a fast path for handlers without parameters (`length` 0).
  return (...args) => wrapped(...args);
}

async function withConnectionClose(
  answer: Response | Promise<Response>,
): Promise<Response> {
  const response = await answer;
  // Deno recognizes the response of an upgrade by its identity.
  if (!(response instanceof Response) || response.status === 101) {
    return response;
  }
  if (response.type === "error" || response.bodyUsed) return response;
  const headers = new Headers(response.headers);
  headers.set("connection", "close");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
