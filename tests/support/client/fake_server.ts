import { Descriptor } from "../../../ffi/files/descriptor.ts";
import { sendDescriptors } from "../../../ffi/sockets/descriptor_passing.ts";
import { OsError } from "../../../ffi/libc/errno.ts";
import { libc } from "../../../ffi/libc/libc.ts";
import { waitReady } from "../../../ffi/files/readiness.ts";
import {
  acceptConnection,
  bindSocket,
  listenOn,
  receive,
  send,
  streamSocket,
} from "../../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../../ffi/sockets/socket_address.ts";
import { decodeMessage, Framing, MAX_REQUEST } from "../../../protocol.ts";

const SHUT_RDWR = 2;

/** A request of a client. */
export interface Request {
  id: string;
  method: string;
  params?: unknown;
}

/** The server's end of a connection. */
export class FakeConnection {
  readonly #socket: Descriptor;
  readonly #framing = new Framing(MAX_REQUEST);

  constructor(socket: Descriptor) {
    this.#socket = socket;
  }

  /** The next request, or `undefined` if the client has disconnected. */
  async request(): Promise<Request | undefined> {
    const buffer = new Uint8Array(4096);
    while (true) {
      const message = this.#framing.next();
      if (message !== undefined) return decodeMessage(message) as Request;
      await waitReady(this.#socket.fd, "read", -1);
      const length = receive(this.#socket.fd, buffer);
      if (length === 0) return undefined;
      if (length > 0) this.#framing.append(buffer.subarray(0, length));
    }
  }

  /** Sends bytes and descriptors, unless the client has disconnected. */
  send(
    data: string | Uint8Array<ArrayBuffer>,
    descriptors: readonly number[] = [],
  ): void {
    const bytes = typeof data === "string"
      ? new TextEncoder().encode(data)
      : data;
    try {
      if (descriptors.length === 0) send(this.#socket.fd, bytes);
      else sendDescriptors(this.#socket.fd, bytes, descriptors);
    } catch (error) {
      if (!(error instanceof OsError && error.code === "EPIPE")) throw error;
    }
  }

  /** Waits until the client has disconnected. */
  async gone(): Promise<void> {
    while (await this.request() !== undefined);
  }
}

/** Serves one connection, which is closed when this returns. */
export type Serve = (
  connection: FakeConnection,
  number: number,
) => Promise<void>;

/** A server that a test programs. `await using` ends it. */
export class FakeServer implements AsyncDisposable {
  readonly #listener: Descriptor;
  readonly #loop: Promise<void>;
  #ended = false;

  constructor(path: string, serve: Serve) {
    const address: UnixAddress = { family: "unix", path };
    this.#listener = streamSocket(address, { nonblocking: true });
    bindSocket(this.#listener.fd, address);
    listenOn(this.#listener.fd, 100);
    this.#loop = this.#run(serve);
  }

  async #run(serve: Serve): Promise<void> {
    const served: Promise<void>[] = [];
    while (!this.#ended) {
      await waitReady(this.#listener.fd, "read", -1);
      if (this.#ended) break;
      const fd = acceptConnection(this.#listener.fd);
      if (fd !== -1) served.push(serveOne(fd, served.length, serve));
    }
    this.#listener.close();
    await Promise.all(served);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    libc().shutdown(this.#listener.fd, SHUT_RDWR);
    await this.#loop;
  }
}

async function serveOne(
  fd: number,
  number: number,
  serve: Serve,
): Promise<void> {
  using socket = new Descriptor(fd);
  await serve(new FakeConnection(socket), number);
}
