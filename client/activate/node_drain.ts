/**
 * Drains servers of Node without a lost request.
 *
 * @module
 */
import type http from "node:http";
import https from "node:https";
import net from "node:net";
import { Draining } from "../binding/graceful_shutdown.ts";

/** Interval between two looks for connections to close, in ms. */
const CLOSE_INTERVAL = 100;

/**
 * Returns a function that drains the server: it stops accepting at once, and
 * resolves when all connections have ended.
 *
 * Connections of HTTP end like those of `Binding.serve`. Others, and those that
 * were upgraded, end when the program or the client closes them.
 */
export function drainOf(
  server: net.Server,
  addr: Deno.Addr,
): () => Promise<void> {
  if (!isHttp(server)) return () => closed(server);
  const connections = new HttpConnections(server, addr);
  return () => connections.drain();
}

function isHttp(server: net.Server): server is http.Server {
  return "closeIdleConnections" in server;
}

/** Stops accepting, and resolves when all connections have ended. */
async function closed(server: net.Server): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.once("close", resolve);
  // The method of http.Server would also close idle connections at once.
  net.Server.prototype.close.call(server);
  await promise;
}

/** The connections of a server of `node:http` or `node:https`. */
class HttpConnections {
  readonly #server: http.Server;
  readonly #draining: Draining;
  readonly #sockets = new Set<net.Socket>();
  readonly #responses = new Set<http.ServerResponse>();

  constructor(server: http.Server, addr: Deno.Addr) {
    this.#server = server;
    this.#draining = new Draining(addr, server instanceof https.Server);
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.prependListener("request", (_, response) => {
      this.#responses.add(response);
      response.once("close", () => this.#responses.delete(response));
      if (this.#draining.hasBegun) response.shouldKeepAlive = false;
    });
  }

  async drain(): Promise<void> {
    const end = closed(this.#server);
    for (const response of this.#responses) response.shouldKeepAlive = false;
    await Promise.race([this.#draining.drain(), end]);
    const timer = setInterval(() => {
      this.#server.closeIdleConnections();
      // These are not idle for Node, which waits for their first request.
      for (const socket of this.#sockets) {
        if (socket.bytesRead === 0) socket.destroy();
      }
    }, CLOSE_INTERVAL);
    await end;
    clearInterval(timer);
  }
}
