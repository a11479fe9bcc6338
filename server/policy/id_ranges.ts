/** A range of user or group numbers, both ends included. */
export interface IdRange {
  /** The smallest. */
  readonly from: number;
  /** The largest. */
  readonly to: number;
}

/** Users or groups by their numbers. */
export class IdRanges {
  readonly #ranges: readonly IdRange[];

  /** All that are in one of the ranges. */
  constructor(ranges: readonly IdRange[]) {
    this.#ranges = ranges;
  }

  /** Whether the number is in one of the ranges. */
  has(id: number): boolean {
    for (const { from, to } of this.#ranges) {
      if (id >= from && id <= to) return true;
    }
    return false;
  }
}
