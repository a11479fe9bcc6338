/** Refusals of one user that are logged in one interval. */
const MAX_REFUSALS = 100;

/** In ms. */
const INTERVAL = 1_000;

/** Limits how many lines about refusals a user can cause. */
export class RefusalLimit {
  /** Refusals in this interval, by user id; undefined is an unknown user. */
  readonly #counts = new Map<number | undefined, number>();
  readonly #report: (uid: number | undefined, suppressed: number) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #suppressed = 0;

  /** Calls `report` at the end of an interval for each user over the limit. */
  constructor(report: (uid: number | undefined, suppressed: number) => void) {
    this.#report = report;
  }

  /** Number of lines that were not logged since the start. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /** Counts a refusal. Returns whether to log it. */
  admit(uid: number | undefined): boolean {
    this.#timer ??= setTimeout(() => this.endInterval(), INTERVAL);
    const count = (this.#counts.get(uid) ?? 0) + 1;
    this.#counts.set(uid, count);
    if (count <= MAX_REFUSALS) return true;
    this.#suppressed++;
    return false;
  }

  /** Reports the suppressed lines. The next refusal begins an interval. */
  endInterval(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = [...this.#counts];
    this.#counts.clear();
    for (const [uid, count] of counts) {
      if (count > MAX_REFUSALS) this.#report(uid, count - MAX_REFUSALS);
    }
  }
}
