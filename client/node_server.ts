/**
 * An HTTP server on a descriptor, made of node:http and node:http2, with the
 * interface of Deno.serve. It needs no permission.
 *
 * @module
 */
import type { IncomingMessage, Server as HttpServer } from "node:http";
import type { Http2SecureServer, ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { type Descriptor, duplicate } from "../ffi/descriptor.ts";
import { answer, type Incoming, type Outgoing } from "./node_exchange.ts";
import { FAREWELL, LINGER } from "./going_away.ts";
import type { ServeHandler, ServeOptions, SharedSocket } from "./serve.ts";

type AnyServer = HttpServer | Http2SecureServer;

/** How far a connection is; HTTP/1 answers one request after the other. */
interface Progress {
  /** Requests that are being answered. */
  pending: number;
  /** Whether a request was answered: a client expects one answer at least. */
  served: boolean;
}

class NodeServer implements Deno.HttpServer {
  readonly finished: Promise<void>;
  readonly addr: Deno.Addr;
  readonly #descriptor: Descriptor;
  readonly #handler: ServeHandler;
  readonly #options: ServeOptions;
  readonly #connections = new Map<Socket, Progress>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #finish: PromiseWithResolvers<void> = Promise.withResolvers();
  #server: AnyServer | undefined;
  #stopAccepting: (() => void) | undefined;
  #draining = false;
  #saidFarewell = false;
  #referenced = true;

  constructor(
    socket: SharedSocket,
    handler: ServeHandler,
    options: ServeOptions,
  ) {
    this.#descriptor = duplicate(socket.fd);
    this.#handler = handler;
    this.#options = options;
    this.addr = socket.addr;
    this.finished = this.#finish.promise;
    const abort = () => this.#abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    const forget = () => options.signal?.removeEventListener("abort", abort);
    this.finished.then(forget, forget);
    this.#start().catch((error) => this.#fail(error));
  }

  /**
   * Comes to life a moment later: the modules are loaded only where they are
   * needed, and clients that connect meanwhile wait in the socket's queue.
   */
  async #start(): Promise<void> {
    const server = await this.#create();
    const { ServerResponse } = await import("node:http");
    const { Server } = await import("node:net");
    if (this.#draining) {
      this.#descriptor.close();
      this.#finish.resolve();
      return;
    }
    this.#server = server;
    // Not the close() of node:http, which cuts off persistent connections.
    const { close } = Server.prototype;
    this.#stopAccepting = () =>
      close.call(server, () => this.#finish.resolve());
    server.on("error", (error) => this.#fail(error));
    const { cert } = this.#options;
    const connected = cert === undefined ? "connection" : "secureConnection";
    server.on(connected, (socket: Socket) => this.#connected(socket));
    server.on("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      if (this.#draining) session.close();
    });
    server.on("request", (incoming: Incoming, outgoing: Outgoing) => {
      this.#answer(incoming, outgoing);
    });
    server.on("upgrade", (incoming: IncomingMessage, socket: Socket) => {
      // Nothing is upgraded here: the handler answers it as any other request,
      // and the connection ends. Deno's node:http would leave it unanswered.
      const outgoing = new ServerResponse(incoming);
      outgoing.shouldKeepAlive = false;
      outgoing.assignSocket(socket);
      outgoing.on("finish", () => socket.end());
      this.#answer(incoming, outgoing);
    });
    server.listen({ fd: this.#descriptor.release() });
    if (!this.#referenced) server.unref();
  }

  async #create(): Promise<AnyServer> {
    const { cert, key } = this.#options;
    if (cert === undefined || key === undefined) {
      return (await import("node:http")).createServer();
    }
    const { createSecureServer } = await import("node:http2");
    return createSecureServer({ cert, key, allowHTTP1: true });
  }

  #connected(socket: Socket): void {
    this.#connections.set(socket, { pending: 0, served: false });
    socket.on("close", () => this.#connections.delete(socket));
  }

  async #answer(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const { socket } = incoming;
    const progress = this.#connections.get(socket);
    if (progress !== undefined) progress.pending++;
    outgoing.on("close", () => {
      if (progress === undefined) return;
      progress.pending--;
      progress.served = true;
      if (this.#saidFarewell) this.#endIfIdle(socket, progress);
    });
    await answer(incoming, outgoing, {
      handler: this.#handler,
      onError: this.#options.onError ?? internalServerError,
      addr: this.addr,
      secure: this.#options.cert !== undefined,
      draining: () => this.#draining,
    });
  }

  /** HTTP/2 says goodbye itself. */
  #endIfIdle(socket: Socket, { pending, served }: Progress): void {
    if (pending > 0 || !served) return;
    const { alpnProtocol } = socket as { alpnProtocol?: unknown };
    if (alpnProtocol !== "h2") socket.end();
  }

  shutdown(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.#stopAccepting?.();
      for (const session of this.#sessions) session.close();
      // Until then every response has told its client to close.
      const farewell = setTimeout(() => this.#endIdle(), FAREWELL);
      const linger = setTimeout(() => this.#endUnheard(), LINGER);
      const forget = () => {
        clearTimeout(farewell);
        clearTimeout(linger);
      };
      this.finished.then(forget, forget);
    }
    return this.finished;
  }

  #endIdle(): void {
    this.#saidFarewell = true;
    for (const [socket, progress] of this.#connections) {
      this.#endIfIdle(socket, progress);
    }
  }

  /** Ends connections on which no request came for as long as we wait. */
  #endUnheard(): void {
    for (const [socket, { pending, served }] of this.#connections) {
      if (pending === 0 && !served) socket.destroy();
    }
  }

  #abort(): void {
    this.shutdown();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #fail(error: unknown): void {
    this.#descriptor.close();
    this.#finish.reject(error);
  }

  ref(): void {
    this.#referenced = true;
    this.#server?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#server?.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}

function internalServerError(error: unknown): Response {
  console.error(error);
  return new Response("Internal Server Error", { status: 500 });
}

/** Serves on a duplicate of the socket. */
export function nodeServer(
  socket: SharedSocket,
  handler: ServeHandler,
  options: ServeOptions,
): Deno.HttpServer {
  return new NodeServer(socket, handler, options);
}
