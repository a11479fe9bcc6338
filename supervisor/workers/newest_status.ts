/**
 * Passes on the text that a program says about itself, a few times a second at
 * most. Of the texts between two times only the newest counts: a program may send
 * them faster than anybody reads them.
 */
export class NewestStatus {
  readonly #interval: number;
  readonly #pass: (text: string) => void;
  /** Runs while the next text has to wait. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #waiting: string | undefined;
  #isOver = false;

  /** `interval` is the least time between two texts, in ms. */
  constructor(interval: number, pass: (text: string) => void) {
    this.#interval = interval;
    this.#pass = pass;
  }

  /** Passes the text on, now or when the time has come. */
  set(text: string): void {
    if (this.#isOver) return;
    if (this.#timer !== undefined) {
      this.#waiting = text;
      return;
    }
    this.#timer = setTimeout(() => {
      const waiting = this.#waiting;
      this.#timer = this.#waiting = undefined;
      if (waiting !== undefined) this.set(waiting);
    }, this.#interval);
    this.#pass(text);
  }

  /** Drops the text that waits: something newer is known. */
  drop(): void {
    this.#waiting = undefined;
  }

  /** Passes nothing on any more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
  }
}
