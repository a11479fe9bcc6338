import type { Connection } from "./connection.ts";

/** Time of one user in a turn of the loop while others are active, in ms. */
const SLICE = 0.5;

/** Time of parked work that a user can use at once, in ms. */
const BURST = 50;

/** The part of the time that a user's parked work gets after that. */
const RATE = 0.005;

/** Users are active at the same time if both have sent something in this time. */
const CONTENTION = 1_000;

/** The work of one user. */
class Share {
  /** Clients with work that waits, first come first served. */
  readonly parked = new Set<Connection>();
  /** The turn that `spent` is of. */
  turn = 0;
  /** Time used in that turn, in ms. */
  spent = 0;
  #credit = BURST;
  #at = performance.now();

  /** Subtracts time in ms. */
  charge(elapsed: number, now: number): void {
    const refilled = this.#credit + (now - this.#at) * RATE;
    this.#credit = Math.min(BURST, refilled) - elapsed;
    this.#at = now;
  }

  /** Time until the user may work again, in ms; 0 if it may now. */
  delay(now: number): number {
    const credit = this.#credit + (now - this.#at) * RATE;
    return credit >= 0 ? 0 : Math.ceil(-credit / RATE);
  }
}

/**
 * Divides the time of the event loop among users. Work that takes long is parked
 * until the end of the turn, which performs some of it for each user. A user
 * whose parked work takes more than a part of the time has to wait, if another
 * user is active: that keeps the delay of 99 of 100 requests of the others small.
 */
export class Turns {
  readonly #shares = new Map<number, Share>();
  /** The users with parked work. */
  readonly #waiting = new Set<Share>();
  readonly #onParked: () => void;
  #turn = 1;
  #lastUid: number | undefined;
  #userChangedAt = -Infinity;
  /** Whether several users are active. */
  isContended = false;

  /** Calls `onParked` when work is parked. */
  constructor(onParked: () => void) {
    this.#onParked = onParked;
  }

  #shareOf(uid: number): Share {
    let share = this.#shares.get(uid);
    if (share === undefined) this.#shares.set(uid, share = new Share());
    return share;
  }

  /** Parks a client's work. */
  park(connection: Connection): void {
    const share = this.#shareOf(connection.peer.uid);
    share.parked.add(connection);
    this.#waiting.add(share);
    this.#onParked();
  }

  /** The clients with parked work. */
  *parked(): Generator<Connection> {
    for (const { parked } of this.#waiting) yield* parked;
  }

  /** Forgets a client's work. */
  remove(connection: Connection): void {
    for (const share of this.#waiting) share.parked.delete(connection);
  }

  /** Whether a user has used its time of this turn. */
  isSpent(uid: number): boolean {
    if (!this.isContended) return false;
    const { turn, spent } = this.#shareOf(uid);
    return turn === this.#turn && spent >= SLICE;
  }

  /** Performs short work of a user now. */
  run(uid: number, work: () => void): void {
    if (uid !== this.#lastUid) {
      if (this.#lastUid !== undefined) this.#userChangedAt = performance.now();
      this.#lastUid = uid;
    }
    if (!this.isContended) return work();
    const share = this.#shareOf(uid);
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.spent = 0;
    }
    const began = performance.now();
    work();
    share.spent += performance.now() - began;
  }

  /** Ends a turn: performs parked work, at most a slice or one client a user. */
  end(perform: (connection: Connection) => void): void {
    this.#turn++;
    let now = performance.now();
    this.isContended = now - this.#userChangedAt < CONTENTION;
    for (const share of this.#waiting) {
      if (this.isContended && share.delay(now) > 0) continue;
      const began = now;
      for (const connection of share.parked) {
        share.parked.delete(connection);
        perform(connection);
        now = performance.now();
        if (now - began >= SLICE) break;
      }
      share.charge(now - began, now);
      if (share.parked.size === 0) this.#waiting.delete(share);
    }
  }

  /** Time until parked work can be performed, in ms; -1 if there is none. */
  get delay(): number {
    if (this.#waiting.size === 0) return -1;
    if (!this.isContended) return 0;
    const now = performance.now();
    let least = CONTENTION;
    for (const share of this.#waiting) {
      least = Math.min(least, share.delay(now));
    }
    return least;
  }
}
