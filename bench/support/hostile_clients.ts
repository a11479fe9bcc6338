import type { Descriptor } from "../../ffi/files/descriptor.ts";
import { sendDescriptors } from "../../ffi/sockets/descriptor_passing.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { streamSocket, tryConnect } from "../../ffi/sockets/socket.ts";

/** Number of clients of each kind. */
export interface HostileCounts {
  /** Clients that send nothing. */
  silent: number;
  /** Clients that send an incomplete request. */
  incomplete: number;
  /** Clients that send requests and never read an answer. */
  unread: number;
  /** Clients that send descriptors of their own at an interval. */
  senders: number;
}

/**
 * Requests of each `unread` client. These are more answers than the kernel
 * buffers for a socket (about 280), and fewer than the 1024 queued answers at
 * which the daemon disconnects a client.
 */
const UNREAD_REQUESTS = 400;

/** Descriptors that a sender sends at a time. */
const SENT_DESCRIPTORS = 20;

/** How often each sender sends, in ms. */
const SEND_INTERVAL = 100;

const encoder = new TextEncoder();
const BIND = encoder.encode(JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "bind",
  params: [{ address: "127.0.0.1", port: 0 }],
}));

// White space between requests needs no answer.
const SPACE = encoder.encode("\n");

/** Clients of one daemon that misbehave. Disposing of them disconnects them. */
export class HostileClients implements Disposable {
  readonly #stack = new DisposableStack();

  private constructor() {}

  /** Connects all clients to the control socket `path`. */
  static async connect(
    path: string,
    counts: HostileCounts,
  ): Promise<HostileClients> {
    const clients = new HostileClients();
    try {
      await clients.#connectAll(path, counts);
      return clients;
    } catch (error) {
      clients[Symbol.dispose]();
      throw error;
    }
  }

  async #connectAll(path: string, counts: HostileCounts): Promise<void> {
    for (let count = 0; count < counts.silent; count++) {
      await this.#connect(path);
    }
    for (let count = 0; count < counts.incomplete; count++) {
      const connection = await this.#connect(path);
      await writeAll(
        connection,
        BIND.subarray(0, 1 + count % (BIND.length - 1)),
      );
    }
    for (let count = 0; count < counts.unread; count++) {
      const connection = await this.#connect(path);
      for (let sent = 0; sent < UNREAD_REQUESTS; sent++) {
        await writeAll(connection, BIND);
      }
    }
    const senders = Array.from(
      { length: counts.senders },
      () => this.#stack.use(connectDescriptor(path)),
    );
    const timer = setInterval(
      () => senders.forEach(({ fd }) => sendOwnDescriptors(fd)),
      SEND_INTERVAL,
    );
    this.#stack.defer(() => clearInterval(timer));
  }

  async #connect(path: string): Promise<Deno.UnixConn> {
    return this.#stack.use(await Deno.connect({ transport: "unix", path }));
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

async function writeAll(
  connection: Deno.UnixConn,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await connection.write(bytes.subarray(written));
  }
}

// A connection of Deno cannot send descriptors.
function connectDescriptor(path: string): Descriptor {
  const address = { family: "unix", path } as const;
  const socket = streamSocket(address);
  const errno = tryConnect(socket.fd, address);
  if (errno === 0) return socket;
  socket.close();
  throw new OsError("connect", errno, path);
}

function sendOwnDescriptors(fd: number): void {
  sendDescriptors(fd, SPACE, Array<number>(SENT_DESCRIPTORS).fill(fd));
}
