/**
 * The kernel's list of the sockets that share one address with SO_REUSEPORT, as far as
 * it is known: a program chooses a socket by its place there (shard_programs.ts).
 *
 * @module
 */
import type { InternetAddress } from "../../../ffi/sockets/socket_address.ts";
import type { HostAddress } from "../../../address.ts";
import type { WireOptions } from "../../../protocol.ts";

/** A held socket of a group. */
export interface Shard {
  readonly address: HostAddress;
  readonly socket: { readonly fd: number };
  readonly name: InternetAddress | undefined;
  readonly options: WireOptions;
}

/** A socket that the daemon has released, while another process has it open. */
export interface ReleasedShard {
  readonly inode: string;
  /** Whether it must not get new connections. */
  readonly inactive: boolean;
}

/** A socket of the kernel's list. */
export type Member = Shard | ReleasedShard;

/** A place whose socket is not known has `undefined`. */
export type Places = readonly (Member | undefined)[];

/** Whether a member is held. */
export function isHeld(member: Member): member is Shard {
  return "socket" in member;
}

/** The kernel's list of sockets at one address. */
export class ShardPlaces {
  readonly #members = new Set<Member>();
  #places: (Member | undefined)[] = [];
  /** The members in the order of their listen(2) calls, if it is known. */
  #listened: Member[] | undefined = [];

  /** The sockets of the list, in no order. */
  get members(): ReadonlySet<Member> {
    return this.#members;
  }

  /** The members that the daemon holds. */
  get held(): readonly Shard[] {
    return [...this.#members].filter(isHeld);
  }

  /** The socket at each place. */
  get list(): Places {
    return this.#places;
  }

  /** Whether the socket at each place is known. */
  get isKnown(): boolean {
    return !this.#places.includes(undefined);
  }

  /** The place of a member, if it is known. */
  of(member: Member): number | undefined {
    const place = this.#places.indexOf(member);
    return place === -1 ? undefined : place;
  }

  /** Adds a socket that has just begun to listen: the kernel puts it last. */
  append(member: Member): void {
    this.#members.add(member);
    this.#places.push(member);
    this.#listened?.push(member);
  }

  /**
   * Sets the members. `places` is the kernel's list, with other members too, or empty
   * if it is not known.
   */
  restore(members: Iterable<Member>, places: Places): void {
    for (const each of places) if (each !== undefined) this.#members.add(each);
    for (const each of members) this.#members.add(each);
    this.#listened = undefined;
    this.#places = places.length === this.#members.size
      ? [...places]
      : Array.from(this.#members, () => undefined);
  }

  /** Puts another description of the same socket at the place of a member. */
  replace(member: Member, by: Member): void {
    this.#members.delete(member);
    this.#members.add(by);
    const replaced = <T>(each: T) => each === member ? by : each;
    this.#places = this.#places.map(replaced);
    this.#listened = this.#listened?.map(replaced);
  }

  /**
   * Removes members. The kernel moves the last socket of its list to the place of one
   * that leaves (`__reuseport_detach_sock` of its net/core/sock_reuseport.c). If several
   * have left, their order is not known: places that may have either socket are unknown.
   */
  remove(gone: ReadonlySet<Member>): void {
    const left = this.#places.length - gone.size;
    const moved = this.#places.slice(left).filter((each) =>
      each === undefined || !gone.has(each)
    );
    const isCertain = [...gone].every((each) => this.#places.includes(each));
    this.#places = this.#places.slice(0, left).map((each) => {
      if (each === undefined || !gone.has(each)) return each;
      return isCertain && moved.length === 1 ? moved[0] : undefined;
    });
    for (const each of gone) this.#members.delete(each);
    this.#listened = this.#listened?.filter((each) => !gone.has(each));
  }

  /**
   * Notes the order in which the members have begun to listen. Those that are later
   * than before have left and joined again: a holder can do that, by shutdown(2) and
   * listen(2).
   *
   * @returns whether there are any
   */
  noteOrder(observed: readonly Member[]): boolean {
    const known = this.#listened ?? observed;
    let last = -1;
    const first = observed.findIndex((each) => {
      const before = last;
      last = known.indexOf(each);
      return last < before;
    });
    const rejoined = first === -1 ? [] : observed.slice(first);
    if (rejoined.length === 1) {
      this.remove(new Set(rejoined));
      rejoined.forEach((each) => this.append(each));
    } else if (rejoined.length > 1) {
      this.#places = this.#places.map(() => undefined);
    }
    this.#listened = [...observed];
    return rejoined.length > 0;
  }
}
