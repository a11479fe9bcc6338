/** A range of user or group ids, both ends included. */
export interface IdRange {
  readonly from: number;
  readonly to: number;
}

/** Ids of users or of groups. */
export class IdRanges {
  readonly #ranges: readonly IdRange[];

  constructor(ranges: readonly IdRange[]) {
    this.#ranges = ranges;
  }

  /** Whether one of the ranges contains the id. */
  has(id: number): boolean {
    for (const { from, to } of this.#ranges) {
      if (id >= from && id <= to) return true;
    }
    return false;
  }
}
