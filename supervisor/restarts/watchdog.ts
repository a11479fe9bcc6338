/** Expires if a program does not report for a time that it works. */
export class Watchdog implements Disposable {
  readonly #limit: number;
  readonly #receive: () => void;
  readonly #expired: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStarted = false;
  #lastReport = 0;

  /**
   * @param limit in ms
   * @param receive receives reports that have arrived
   */
  constructor(limit: number, receive: () => void, expired: () => void) {
    this.#limit = limit;
    this.#receive = receive;
    this.#expired = expired;
  }

  /** Begins to expect reports. */
  start(): void {
    this.#isStarted = true;
    this.report();
  }

  /** The program works. */
  report(): void {
    if (!this.#isStarted) return;
    this.#lastReport = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), this.#limit);
  }

  /** This process itself may have been stopped: reports may wait in the socket. */
  #check(): void {
    const lastReport = this.#lastReport;
    this.#receive();
    if (this.#isStarted && this.#lastReport === lastReport) this.#expired();
  }

  [Symbol.dispose](): void {
    this.#isStarted = false;
    clearTimeout(this.#timer);
  }
}
