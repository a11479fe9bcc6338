/**
 * Clients that a daemon could do without: they say nothing, or half of
 * something, or never read, or send descriptors that nobody wants.
 *
 * @module
 */
import type { Descriptor } from "../ffi/files/descriptor.ts";
import { sendDescriptors } from "../ffi/sockets/descriptor_passing.ts";
import { OsError } from "../ffi/libc/errno.ts";
import { waitReady } from "../ffi/files/readiness.ts";
import { send, streamSocket, tryConnect } from "../ffi/sockets/socket.ts";
import type { UnixAddress } from "../ffi/sockets/socket_address.ts";

/** How many there are of each kind. */
export interface CrowdSize {
  /** They say nothing. */
  silent: number;
  /** They send half of a request. */
  halfSent: number;
  /** They send requests and never read an answer. */
  unread: number;
  /** They send descriptors of their own, again and again. */
  senders: number;
}

/**
 * Binds that each of the `unread` asks for: more answers than the kernel keeps
 * for a socket (some 280), so that the daemon keeps the others, and fewer than
 * the 1024 for which it drops a client.
 */
const UNREAD_REQUESTS = 400;

/** Descriptors that a sender sends with each piece of a request. */
const SENT_DESCRIPTORS = 20;

/** How often each sender sends, in ms. */
const SENDING_INTERVAL = 100;

/** Far longer than a daemon takes to take in what was sent, in ms. */
const PATIENCE = 60_000;

const encoder = new TextEncoder();
const BIND = encoder.encode(JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "bind",
  params: [{ address: "127.0.0.1", port: 0 }],
}));

function connected(sock: string): Descriptor {
  const address: UnixAddress = { family: "unix", path: sock };
  const socket = streamSocket(address);
  const errno = tryConnect(socket.fd, address);
  if (errno === 0) return socket;
  socket.close();
  throw new OsError("connect", errno, sock);
}

async function sendAll(fd: number, bytes: Uint8Array<ArrayBuffer>) {
  for (let at = 0; at < bytes.length;) {
    const sent = send(fd, bytes.subarray(at));
    if (sent >= 0) at += sent;
    else if (!await waitReady(fd, "write", PATIENCE)) {
      throw new Error("a daemon that does not take in what it is sent");
    }
  }
}

/** All of them, connected to one daemon. `using` sends them home. */
export class Crowd implements Disposable {
  readonly #sockets: Descriptor[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor() {}

  /** Has them come and do what they do. */
  static async gather(sock: string, size: CrowdSize): Promise<Crowd> {
    const crowd = new Crowd();
    try {
      await crowd.#gather(sock, size);
      return crowd;
    } catch (error) {
      crowd[Symbol.dispose]();
      throw error;
    }
  }

  async #gather(sock: string, size: CrowdSize): Promise<void> {
    for (let count = 0; count < size.silent; count++) this.#connect(sock);
    for (let count = 0; count < size.halfSent; count++) {
      const half = BIND.subarray(0, 1 + count % (BIND.length - 1));
      await sendAll(this.#connect(sock).fd, half);
    }
    for (let count = 0; count < size.unread; count++) {
      const { fd } = this.#connect(sock);
      for (let sent = 0; sent < UNREAD_REQUESTS; sent++) {
        await sendAll(fd, BIND);
      }
    }
    const senders: Descriptor[] = [];
    for (let count = 0; count < size.senders; count++) {
      senders.push(this.#connect(sock));
    }
    this.#timer = setInterval(
      () => senders.forEach(({ fd }) => sendUnwanted(fd)),
      SENDING_INTERVAL,
    );
  }

  #connect(sock: string): Descriptor {
    const socket = connected(sock);
    this.#sockets.push(socket);
    return socket;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.close();
  }
}

// White space between requests: the daemon takes it in, and never has to
// answer what nobody would read.
const SPACE = encoder.encode("\n");

function sendUnwanted(fd: number): void {
  sendDescriptors(fd, SPACE, Array<number>(SENT_DESCRIPTORS).fill(fd));
}
