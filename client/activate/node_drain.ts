/**
 * Drains servers of Node without a lost request.
 *
 * @module
 */
import type http from "node:http";
import https from "node:https";
import net from "node:net";
import { Draining } from "../binding/graceful_shutdown.ts";

/** Interval between two looks at the responses under way, in ms. */
const CHECK_INTERVAL = 100;

/**
 * Returns a function that drains the server: it stops accepting at once, and
 * resolves when the requests under way have been answered.
 *
 * Responses of `node:http` are like those of `Binding.serve`: the last ones have
 * `Connection: close`, and connections that were upgraded are not waited for. A
 * server of another protocol is drained when all its connections have ended; a
 * session of `node:http2` ends after the requests under way.
 */
export function drainOf(
  server: net.Server,
  addr: Deno.Addr,
): () => Promise<void> {
  if (!isHttp(server)) {
    const sessions = new Http2Sessions(server);
    return () => {
      const end = stopAccepting(server);
      sessions.close();
      return end;
    };
  }
  const responses = new HttpResponses(server, addr);
  return () => responses.drain();
}

function isHttp(server: net.Server): server is http.Server {
  return "closeIdleConnections" in server;
}

/** Stops accepting, and resolves when all connections have ended. */
async function stopAccepting(server: net.Server): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.once("close", resolve);
  // The method of http.Server would also close idle connections at once.
  net.Server.prototype.close.call(server);
  await promise;
}

/** How long a connection without a session yet may take for its requests, in ms. */
const LATE_SESSION = 1000;

/** What the sessions of `node:http2` have in common, on Node's class of servers. */
interface Session {
  close(): void;
  once(event: "close", listener: () => void): unknown;
}

/** The sessions of a server of `node:http2`; no other server has sessions. */
class Http2Sessions {
  readonly #sessions = new Set<Session>();
  #isClosing = false;

  constructor(server: net.Server) {
    server.on("session", (session: Session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
      if (this.#isClosing) setTimeout(() => session.close(), LATE_SESSION);
    });
  }

  /** Sends GOAWAY: each session ends after its requests (RFC 9113, 6.8). */
  close(): void {
    this.#isClosing = true;
    for (const session of this.#sessions) session.close();
  }
}

/** The responses under way of a server of `node:http` or `node:https`. */
class HttpResponses {
  readonly #server: http.Server;
  readonly #draining: Draining;
  readonly #responses = new Set<http.ServerResponse>();

  constructor(server: http.Server, addr: Deno.Addr) {
    this.#server = server;
    this.#draining = new Draining(addr, server instanceof https.Server);
    server.prependListener("request", (_, response) => {
      this.#responses.add(response);
      response.once("close", () => this.#responses.delete(response));
      if (this.#draining.hasBegun) response.shouldKeepAlive = false;
    });
  }

  async drain(): Promise<void> {
    const end = stopAccepting(this.#server);
    for (const response of this.#responses) response.shouldKeepAlive = false;
    await Promise.race([this.#draining.drain(), end]);
    while (this.#responses.size > 0) {
      this.#server.closeIdleConnections();
      await new Promise((resolve) => setTimeout(resolve, CHECK_INTERVAL));
    }
    this.#server.closeIdleConnections();
  }
}
