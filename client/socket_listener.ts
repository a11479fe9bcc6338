import {
  type Descriptor,
  duplicate,
  setNonblocking,
} from "../ffi/descriptor.ts";
import { Interest, Poller } from "../ffi/poller.ts";
import { acceptConnection } from "../ffi/socket.ts";
import type { SharedConn, SharedListener } from "./listen.ts";
import type { SharedSocket } from "./serve.ts";
import { openConn } from "./socket_conn.ts";

/** How often an unref'd listener looks for a connection, in ms. */
const UNREFERENCED_PAUSE = 10;

/**
 * A listener that waits on another thread and accepts by itself. Like
 * Deno.listen, and unlike node:net, it takes a connection from the queue only
 * when somebody asks for one: what nobody asks for is left to the other
 * processes.
 */
export class SocketListener implements SharedListener {
  readonly addr: Deno.Addr;
  readonly #descriptor: Descriptor;
  readonly #poller: Poller;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = false;
  #closed = false;
  #referenced = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Listens on a duplicate of the socket. */
  constructor(socket: SharedSocket) {
    this.addr = socket.addr;
    this.#descriptor = duplicate(socket.fd);
    setNonblocking(this.#descriptor.fd, true);
    this.#poller = new Poller();
    this.#poller.add(this.#descriptor.fd, Interest.READ);
  }

  /** The next connection; those who ask are served in turn. */
  accept(): Promise<SharedConn> {
    const accepted = this.#last.then(() => this.#next());
    this.#last = accepted.catch(() => {});
    return accepted.then(openConn);
  }

  async #next(): Promise<number> {
    while (!this.#closed) {
      const fd = acceptConnection(this.#descriptor.fd);
      if (fd !== -1) return fd;
      await (this.#referenced ? this.#wait() : this.#pause());
    }
    throw new Deno.errors.BadResource("Listener has been closed");
  }

  async #wait(): Promise<void> {
    this.#waiting = true;
    await this.#poller.wait(-1);
    this.#waiting = false;
    if (this.#closed) this.#poller[Symbol.dispose]();
    else this.#poller.poll(() => {});
  }

  /** A thread that waits keeps the program alive; this does not. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, UNREFERENCED_PAUSE);
      Deno.unrefTimer(timer);
      this.#timer = timer;
    });
  }

  close(): void {
    if (this.#closed) throw new Deno.errors.BadResource("Bad resource ID");
    this.#closed = true;
    this.#descriptor.close();
    if (this.#waiting) this.#poller.wake();
    else this.#poller[Symbol.dispose]();
  }

  ref(): void {
    this.#referenced = true;
    if (this.#timer !== undefined) Deno.refTimer(this.#timer);
  }

  unref(): void {
    this.#referenced = false;
    if (this.#waiting) this.#poller.wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<SharedConn> {
    while (true) {
      try {
        yield await this.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }
}
