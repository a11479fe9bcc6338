/**
 * A connection on a descriptor, made of a socket of node:net, with the
 * interface of Deno.connect. It needs no permission.
 *
 * @module
 */
import type { Socket } from "node:net";
import { localAddress } from "../ffi/socket_address.ts";
import { denoAddr } from "./deno_addr.ts";
import type { SharedConn } from "./listen.ts";

/** Bytes of a chunk of `readable`, as Deno has it. */
const CHUNK = 64 * 1024;

/** What Deno calls the errors of a connection. */
function asDenoError(error: Error & { code?: unknown }): Error {
  const { message } = error;
  switch (error.code) {
    case "ECONNRESET":
      return new Deno.errors.ConnectionReset(message, { cause: error });
    case "EPIPE":
      return new Deno.errors.BrokenPipe(message, { cause: error });
    default:
      return error;
  }
}

/** What both kinds of connection have. */
class SocketConn<A extends Deno.Addr> implements Deno.Conn<A> {
  protected readonly socket: Socket;
  #failure: Error | undefined;
  #closed = false;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array<ArrayBufferLike>> | undefined;

  constructor(
    socket: Socket,
    readonly localAddr: A,
    readonly remoteAddr: A,
  ) {
    this.socket = socket;
    socket.on("error", (error) => this.#failure ??= asDenoError(error));
  }

  async read(into: Uint8Array): Promise<number | null> {
    const { socket } = this;
    if (into.length === 0) return 0;
    while (true) {
      this.#mustBeOpen();
      const length = Math.min(into.length, socket.readableLength);
      const chunk: Uint8Array | null = length > 0 ? socket.read(length) : null;
      if (chunk !== null) {
        into.set(chunk);
        return chunk.length;
      }
      if (socket.readableEnded || socket.destroyed) return null;
      // Asks for more, or for the end.
      socket.read(0);
      await this.#next(["readable", "end", "close"]);
    }
  }

  #mustBeOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new Deno.errors.BadResource("Bad resource ID");
  }

  #next(events: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        for (const event of events) this.socket.off(event, end);
        resolve();
      };
      for (const event of events) this.socket.on(event, end);
    });
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.#mustBeOpen();
    await new Promise<void>((resolve, reject) => {
      this.socket.write(bytes, (error) => {
        if (error) reject(asDenoError(error));
        else resolve();
      });
    });
    return bytes.length;
  }

  async closeWrite(): Promise<void> {
    this.#mustBeOpen();
    await new Promise<void>((resolve) => this.socket.end(resolve));
  }

  close(): void {
    this.#mustBeOpen();
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.socket.destroy();
  }

  ref(): void {
    this.socket.ref();
  }

  unref(): void {
    this.socket.unref();
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: CHUNK,
      pull: async (controller) => {
        const request = controller.byobRequest!;
        const view = request.view!;
        const into = new Uint8Array(
          view.buffer,
          view.byteOffset,
          view.byteLength,
        );
        const length = await this.read(into);
        if (length === null) controller.close();
        request.respond(length ?? 0);
      },
      cancel: () => this.socket.destroySoon(),
    }, { highWaterMark: 0 });
  }

  get writable(): WritableStream<Uint8Array<ArrayBufferLike>> {
    return this.#writable ??= new WritableStream({
      write: async (chunk) => {
        await this.write(chunk);
      },
      close: () => this.closeWrite(),
      abort: () => this[Symbol.dispose](),
    });
  }
}

class TcpSocketConn extends SocketConn<Deno.NetAddr> implements Deno.TcpConn {
  setNoDelay(noDelay = true): void {
    this.socket.setNoDelay(noDelay);
  }

  setKeepAlive(keepAlive = true): void {
    this.socket.setKeepAlive(keepAlive);
  }
}

/** Takes over the descriptor of an accepted connection. */
export async function openConn(fd: number): Promise<SharedConn> {
  const local = denoAddr(localAddress(fd));
  const { Socket } = await import("node:net");
  // What the client sent last may be answered.
  const socket = new Socket({ fd, allowHalfOpen: true });
  if (local.transport === "unix") {
    return new SocketConn<Deno.UnixAddr>(socket, local, {
      transport: "unix",
      path: socket.remoteAddress ?? "",
    });
  }
  return new TcpSocketConn(socket, local as Deno.NetAddr, {
    transport: "tcp",
    hostname: socket.remoteAddress ?? "",
    port: socket.remotePort ?? 0,
  });
}
