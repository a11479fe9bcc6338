/**
 * The end of a server, so that no client loses a request by it.
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

/** How long a connection that has sent nothing holds up a shutdown, in ms. */
export const LINGER = 1000;

/** How long clients with a persistent connection are told to go, in ms. */
export const FAREWELL = 100;

/** How often the connections are looked at, in ms. */
const PAUSE = 5;

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

/**
 * The time between the last connection that a server of Deno's accepts and
 * its shutdown. That shutdown closes at once what has no request under way,
 * which is too early for two kinds of clients:
 *
 * - Who was accepted and has not been heard yet is about to send a request,
 *   and would see the connection closed unanswered.
 * - Who sends one request after the other on a connection may send the next
 *   one just then. HTTP allows for that, but it is better to be told: until
 *   the shutdown every response says `Connection: close`.
 */
export class GoingAway {
  readonly #address: SocketAddress | undefined;
  readonly #hearing: boolean;
  #begun = false;

  /** Of a server at an address, which is TLS if `secure`. */
  constructor(addr: Deno.Addr, secure: boolean) {
    this.#address = socketAddress(addr);
    // The first bytes of TLS are no request, and of a UNIX socket nobody knows
    // what was read.
    this.#hearing = this.#address?.family !== "unix" && !secure;
  }

  /** Whether responses have to say goodbye. */
  get begun(): boolean {
    return this.#begun;
  }

  /**
   * Resolves when Deno's shutdown does no harm: at the latest after a second,
   * after {@linkcode FAREWELL} ms when every client has been heard, soon when
   * there is none. To be called when nothing more is accepted.
   */
  async farewell(): Promise<void> {
    this.#begun = true;
    const begin = performance.now();
    while (performance.now() - begin < LINGER) {
      // Also what was read by then and not handed to the handler gets there.
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      const connections = this.#address ? connectionsAt(this.#address) : [];
      if (connections.length === 0) return;
      const told = performance.now() - begin >= FAREWELL;
      if (told && !connections.some((fd) => this.#mayBeUnheard(fd))) return;
    }
  }

  #mayBeUnheard(fd: number): boolean {
    if (!this.#hearing) return true;
    try {
      return bytesRead(fd) === 0n;
    } catch (error) {
      // Closed since it was listed.
      if (error instanceof OsError) return false;
      throw error;
    }
  }
}

/** The handler, whose last responses tell clients to close the connection. */
export function sayingGoodbye(
  handler: ServeHandler,
  goingAway: GoingAway,
): ServeHandler {
  const wrapped: ServeHandler = (request, info) => {
    const response = handler(request, info);
    return goingAway.begun ? withGoodbye(response) : response;
  };
  if (handler.length > 0) return wrapped;
  // Deno has a shorter way for handlers that take no arguments.
  return (...args) => wrapped(...args);
}

async function withGoodbye(
  answer: Response | Promise<Response>,
): Promise<Response> {
  const response = await answer;
  // What upgrades a connection is recognized by its identity.
  if (!(response instanceof Response) || response.status === 101) {
    return response;
  }
  if (response.type === "error" || response.bodyUsed) return response;
  const headers = new Headers(response.headers);
  headers.set("connection", "close");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
