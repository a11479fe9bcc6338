/**
 * An epoll(7) set: waits for a short time on this thread, or for long on another
 * one.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Descriptor } from "./descriptor.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";

const layout = abi.layouts.epoll_event;

/** Events per call of epoll_wait(2). */
const BATCH = 256;

/** The events to watch a descriptor for. */
export const Interest = {
  /** Readable: bytes, connections, or the end of the stream. */
  READ: abi.EPOLLIN,
  /** Writable. */
  WRITE: abi.EPOLLOUT,
  /**
   * Writable, reported when the peer has read a message, not as long as it is
   * true (EPOLLET). It applies to the other events too.
   */
  PEER_HAS_READ: abi.EPOLLOUT | abi.EPOLLET,
} as const;

/** Called for every ready descriptor with its epoll(7) event bits. */
export type Ready = (fd: number, events: number) => void;

function newSet(): Descriptor {
  return new Descriptor(
    check(libc().epoll_create1(abi.EPOLL_CLOEXEC), "epoll_create1"),
  );
}

/** A level-triggered epoll set. */
export class Poller implements Disposable {
  readonly #epoll: Descriptor;
  readonly #wake: Descriptor;
  readonly #event = new Uint8Array(layout.size);
  readonly #eventView = viewOf(this.#event);
  readonly #events = new Uint8Array(layout.size * BATCH);
  readonly #eventsView = viewOf(this.#events);
  readonly #native = new NativeMemory(this.#events.length);
  readonly #counter = new Uint8Array(8);
  #waiting: Promise<number> | undefined;

  /** Creates an empty set. */
  constructor() {
    using stack = new DisposableStack();
    stack.use(this.#native);
    this.#epoll = stack.use(newSet());
    const flags = abi.EFD_CLOEXEC | abi.EFD_NONBLOCK;
    this.#wake = stack.use(
      new Descriptor(check(libc().eventfd(0, flags), "eventfd")),
    );
    this.add(this.#wake.fd, Interest.READ);
    stack.move();
  }

  /** Starts watching a descriptor. */
  add(fd: number, interest: number): void {
    this.#control(abi.EPOLL_CTL_ADD, fd, interest);
  }

  /** Changes the events to watch for. */
  change(fd: number, interest: number): void {
    this.#control(abi.EPOLL_CTL_MOD, fd, interest);
  }

  /**
   * Stops watching it. Needed before close(2) when another process holds the
   * same open file description: epoll(7) would go on reporting it.
   */
  remove(fd: number): void {
    this.#control(abi.EPOLL_CTL_DEL, fd, 0);
  }

  #control(operation: number, fd: number, interest: number): void {
    this.#eventView.setUint32(layout.events, interest, true);
    this.#eventView.setInt32(layout.data, fd, true);
    check(
      libc().epoll_ctl(this.#epoll.fd, operation, fd, this.#event),
      "epoll_ctl",
    );
  }

  /**
   * Waits in place until a descriptor is ready or `timeout` is over (ms), then
   * handles the ready ones. Returns their number.
   */
  poll(timeout: number, ready: Ready): number {
    const count = libc().epoll_wait(
      this.#epoll.fd,
      this.#events,
      BATCH,
      timeout,
    );
    if (count !== -1) return this.#dispatch(count, ready);
    const errno = lastErrno();
    if (errno === Errno.EINTR) return 0;
    throw new OsError("epoll_wait", errno);
  }

  /**
   * Waits on another thread until a descriptor is ready or `timeout` is over
   * (ms, -1 for no limit), then handles the ready ones. Switching threads takes
   * about 50 us.
   */
  async wait(timeout: number, ready: Ready): Promise<void> {
    this.#waiting = libc().epoll_wait_on_thread(
      this.#epoll.fd,
      this.#native.address,
      BATCH,
      timeout,
    );
    // errno stays on the other thread. -1 is EINTR: the set is valid.
    const count = await this.#waiting;
    this.#waiting = undefined;
    if (count <= 0) return;
    this.#native.read(this.#events, 0, count * layout.size);
    this.#dispatch(count, ready);
  }

  /** Ends a pending {@linkcode Poller.wait}. Does nothing without one. */
  wake(): void {
    if (this.#waiting === undefined) return;
    this.#counter[0] = 1;
    check(libc().write(this.#wake.fd, this.#counter, 8n), "write", "eventfd");
  }

  #dispatch(count: number, ready: Ready): number {
    const view = this.#eventsView;
    for (let index = 0; index < count; index++) {
      const at = index * layout.size;
      const fd = view.getInt32(at + layout.data, true);
      if (fd === this.#wake.fd) {
        libc().read(fd, this.#counter, 8n);
        continue;
      }
      ready(fd, view.getUint32(at + layout.events, true));
    }
    return count;
  }

  /** Closes the set; throws a TypeError while a wait is pending. */
  [Symbol.dispose](): void {
    if (this.#waiting !== undefined) {
      throw new TypeError(
        "cannot close the poller during a wait: wake it first",
      );
    }
    this.#native[Symbol.dispose]();
    this.#epoll.close();
    this.#wake.close();
  }
}
