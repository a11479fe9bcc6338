import { Interest, Poller } from "../../ffi/files/poller.ts";

/**
 * Notices that connections or datagrams arrive, also while another process takes
 * them: a wait for them ends if this process sees one first. One that is taken very
 * fast may go unnoticed, but not many in a row.
 */
export class Arrivals implements Disposable {
  readonly #poller = new Poller();
  #isWaiting = false;
  #isDisposed = false;
  #hasArrived = false;

  /** Begins to notice them. */
  constructor(sockets: readonly number[]) {
    for (const fd of sockets) this.#poller.add(fd, Interest.READ);
    this.#wait();
  }

  async #wait(): Promise<void> {
    this.#isWaiting = true;
    await this.#poller.wait(-1, () => this.#hasArrived = true);
    this.#isWaiting = false;
    if (this.#isDisposed) this.#poller[Symbol.dispose]();
  }

  /**
   * Whether any has been noticed since the last call. It is noticed once between
   * two calls, so a busy socket costs nothing.
   */
  takeAny(): boolean {
    const any = this.#hasArrived;
    this.#hasArrived = false;
    if (!this.#isWaiting) this.#wait();
    return any;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    if (this.#isWaiting) this.#poller.wake();
    else this.#poller[Symbol.dispose]();
  }
}
