/**
 * The sockets that share one address with SO_REUSEPORT, and which of them get new
 * connections.
 *
 * While all of them do, the kernel chooses. Otherwise a program chooses among the
 * active ones by their place in the kernel's list. Where the daemon may, the others
 * have a filter that drops new connections: then a place that is not known costs a
 * client a second, not its connection.
 *
 * @module
 */
import { canonicalIdentity, type HostAddress } from "../../address.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { socketInode } from "../../ffi/sockets/accept_queue.ts";
import {
  attachFilter,
  detachGroupProgram,
  hasFilter,
  type Instruction,
  tryAttachGroupProgram,
} from "../../ffi/sockets/classic_bpf.ts";
import { openSocketsAt } from "../../ffi/sockets/open_sockets.ts";
import { isListening, setOption } from "../../ffi/sockets/socket.ts";
import { detachFilter } from "../../ffi/sockets/socket_state.ts";
import type { WireOptions } from "../../protocol.ts";
import { familyOf, portOf } from "./listening_socket.ts";
import { writeNote } from "./shard_note.ts";
import { chooserOf, GATES } from "./shard_programs.ts";

/** A held socket of a group. */
export interface Shard {
  readonly address: HostAddress;
  readonly socket: { readonly fd: number };
  readonly name: Uint8Array<ArrayBuffer> | undefined;
  readonly options: WireOptions;
}

/** A socket that the daemon has released, while another process has it open. */
export interface ReleasedShard {
  readonly inode: string;
  /** Whether it must not get new connections. */
  readonly inactive: boolean;
}

type Member = Shard | ReleasedShard;

/** A place whose socket is not known has `undefined`. */
export type Places = readonly (Member | undefined)[];

/** The key of a group: the identity of its socket 0. */
export function groupKeyOf(address: HostAddress): string {
  const { shard: _, ...shared } = address;
  return canonicalIdentity(shared);
}

/** Whether a member is held. */
export function isHeld(member: Member): member is Shard {
  return "socket" in member;
}

function numberOf({ address }: Shard): number {
  return address.shard ?? 0;
}

/** A group of sockets that share one address. */
export class ShardGroup {
  #shards: number;
  /** Whether the kernel has what {@linkcode ShardGroup.apply} sets. */
  #isApplied = false;
  readonly #held = new Set<Shard>();
  /** The members of the kernel's group. */
  readonly #joined = new Set<Member>();
  /** The kernel's list: the socket at each place. */
  #places: (Member | undefined)[] = [];
  /** The members in the order of their listen(2) calls, if it is known. */
  #listened: Member[] | undefined = [];
  readonly #gated = new Set<Shard>();
  /** The address of the members in the kernel. */
  #name: Uint8Array<ArrayBuffer> | undefined;
  readonly #kind: HostAddress["kind"];

  constructor(kind: HostAddress["kind"], shards: number) {
    this.#kind = kind;
    this.#shards = shards;
  }

  /** How many sockets get new connections: those with a smaller number. */
  get shards(): number {
    return this.#shards;
  }

  /** Takes effect with {@linkcode ShardGroup.apply}. */
  set shards(shards: number) {
    if (shards === this.#shards) return;
    this.#shards = shards;
    this.#isApplied = false;
  }

  /** Whether it is a single socket, with the number 0. */
  get isPlain(): boolean {
    if (this.#joined.size > 1 || this.#held.size > 1) return false;
    for (const member of this.#held) if (numberOf(member) > 0) return false;
    return true;
  }

  /** The held sockets. */
  get held(): readonly Shard[] {
    return [...this.#held];
  }

  /** The kernel's list, as far as it is known. */
  get places(): Places {
    return this.#places;
  }

  /** The place of a socket in the kernel's list, if it is known. */
  placeOf(shard: Shard): number | undefined {
    const place = this.#places.indexOf(shard);
    return place === -1 ? undefined : place;
  }

  /** The port of the group, also if the kernel chose it. */
  get port(): number | undefined {
    return this.#name && portOf(this.#name);
  }

  /** Whether a socket has the filter that drops new connections. */
  isGated(shard: Shard): boolean {
    return this.#gated.has(shard);
  }

  /**
   * Prepares a socket that will be a member, before bind(2).
   *
   * The first member is bound without SO_REUSEPORT: it must not share the address
   * with another program.
   *
   * @throws {OsError}
   */
  prepare(fd: number, number: number): void {
    if (number >= this.shards) this.#tryGate(fd);
    this.update();
    if (this.#joined.size === 0) return;
    setReusePort(fd, true);
    for (const each of this.#joined) {
      if (isHeld(each)) setReusePort(each.socket.fd, true);
    }
    // Otherwise the kernel may choose the new socket before apply().
    if (number >= this.shards) this.#attachProgram();
  }

  /** Adds a held socket. */
  add(shard: Shard): void {
    this.#held.add(shard);
    this.join(shard);
  }

  /** Adds a socket that has just begun to listen: the kernel puts it last. */
  join(shard: Shard): void {
    if (!this.#held.has(shard) || this.#joined.has(shard)) return;
    this.#joined.add(shard);
    this.#places.push(shard);
    this.#listened?.push(shard);
    this.#isApplied = false;
    this.#name = shard.name ?? this.#name;
    this.#noteGate(shard);
  }

  /**
   * Adds held sockets that share the address already. `places` is the kernel's list,
   * or empty if it is not known.
   */
  restore(held: Iterable<Shard>, places: Places): void {
    this.#listened = undefined;
    for (const each of places) if (each !== undefined) this.#joined.add(each);
    for (const shard of held) {
      this.#held.add(shard);
      if (isMember(shard)) this.#joined.add(shard);
      this.#name = shard.name ?? this.#name;
      this.#noteGate(shard);
    }
    this.#places = places.length === this.#joined.size
      ? [...places]
      : Array.from(this.#joined, () => undefined);
    this.update();
  }

  /** Notes that the kernel has what {@linkcode ShardGroup.apply} would set. */
  settle(): void {
    this.#isApplied = true;
  }

  #noteGate(shard: Shard): void {
    const isGated = hasFilter(shard.socket.fd, GATES[this.#kind]);
    if (isGated) this.#gated.add(shard);
    else this.#gated.delete(shard);
  }

  /** Notes that a socket has left the kernel's group: it does not listen. */
  leave(shard: Shard): void {
    this.update();
    if (this.#joined.has(shard)) this.#leave(new Set([shard]));
  }

  /**
   * Notes that the daemon is about to close its copy of a socket. It stays a member
   * while another process has it open.
   */
  disown(shard: Shard): void {
    this.#gated.delete(shard);
    this.#held.delete(shard);
    if (!this.#joined.delete(shard)) return;
    this.#isApplied = false;
    const inactive = !this.#isActive(shard);
    const released = { inode: socketInode(shard.socket.fd), inactive };
    this.#joined.add(released);
    const replaced = <T>(each: T) => each === shard ? released : each;
    this.#places = this.#places.map(replaced);
    this.#listened = this.#listened?.map(replaced);
  }

  /** Notes which sockets have left since the last time. */
  update(): void {
    const gone = new Set<Member>();
    let open: ReadonlySet<string> | undefined;
    for (const member of this.#joined) {
      if (isHeld(member)) {
        if (!isMember(member)) gone.add(member);
        continue;
      }
      open ??= this.#open();
      // Where the kernel does not say it, the program stays as it is.
      if (open?.has(member.inode) === false) gone.add(member);
    }
    if (gone.size > 0) this.#leave(gone);
  }

  #open(): ReadonlySet<string> | undefined {
    if (this.#name === undefined) return undefined;
    const family = familyOf(this.#name);
    return openSocketsAt(this.#kind, family, portOf(this.#name));
  }

  /**
   * The kernel moves the last socket of its list to the place of one that leaves
   * (`__reuseport_detach_sock` of its net/core/sock_reuseport.c). If several have
   * left, their order is not known: places that may have either socket are unknown.
   */
  #leave(gone: ReadonlySet<Member>): void {
    const left = this.#places.length - gone.size;
    const moved = this.#places.slice(left).filter((each) =>
      each === undefined || !gone.has(each)
    );
    const isCertain = [...gone].every((each) => this.#places.includes(each));
    this.#places = this.#places.slice(0, left).map((each) => {
      if (each === undefined || !gone.has(each)) return each;
      return isCertain && moved.length === 1 ? moved[0] : undefined;
    });
    for (const each of gone) this.#joined.delete(each);
    this.#listened = this.#listened?.filter((each) => !gone.has(each));
    this.#isApplied = false;
  }

  /**
   * Notes that a holder has had sockets leave and join again, by shutdown(2) and
   * listen(2).
   */
  #noteRejoined(): void {
    const observed = this.#inListenOrder();
    if (observed === undefined) return;
    const known = this.#listened ?? observed;
    let last = -1;
    const first = observed.findIndex((each) => {
      const before = last;
      last = known.indexOf(each);
      return last < before;
    });
    this.#listened = observed;
    if (first === -1) return;
    const rejoined = observed.slice(first);
    this.#isApplied = false;
    if (rejoined.length > 1) {
      this.#places = this.#places.map(() => undefined);
      return;
    }
    this.#leave(new Set(rejoined));
    for (const each of rejoined) {
      this.#joined.add(each);
      this.#places.push(each);
    }
    this.#listened = observed;
  }

  /**
   * The kernel lists the newest listening IPv4 socket first, and the newest IPv6 socket
   * with SO_REUSEPORT last (`__inet_hash` of its net/ipv4/inet_hashtables.c).
   */
  #inListenOrder(): Member[] | undefined {
    const open = this.#kind === "tcp" ? this.#open() : undefined;
    if (open === undefined || this.#name === undefined) return undefined;
    const byInode = new Map(
      Array.from(this.#joined, (each) => [
        isHeld(each) ? socketInode(each.socket.fd) : each.inode,
        each,
      ]),
    );
    const found = [...open].flatMap((inode) => byInode.get(inode) ?? []);
    if (found.length !== this.#joined.size) return undefined;
    return familyOf(this.#name) === "ipv4" ? found.reverse() : found;
  }

  /**
   * Has the sockets with a number below {@linkcode ShardGroup.shards}, and no others,
   * get new connections.
   *
   * @throws {OsError} EPERM if the filter of a socket is locked.
   */
  apply(): void {
    this.update();
    for (const shard of [...this.#gated]) {
      if (this.#isActive(shard)) this.#ungate(shard);
    }
    const inactive = [...this.#held].filter((each) => !this.#isActive(each));
    const needsProgram = inactive.length > 0 ||
      [...this.#joined].some((each) => !isHeld(each) && each.inactive);
    // The program of an earlier process may know places that this one does not.
    if (!this.#isApplied || !this.#places.includes(undefined)) {
      if (needsProgram) this.#attachProgram();
      else this.#detachProgram();
    }
    for (const shard of inactive) {
      if (this.#tryGate(shard.socket.fd)) this.#gated.add(shard);
    }
    if (!this.#isApplied) this.#writeNotes();
    this.#setSharing();
    this.#isApplied = true;
  }

  /**
   * Without the filter the program alone keeps connections away: newer kernels want
   * CAP_NET_ADMIN for it (Linux commit 5d39580f68e6), and a holder can lock another.
   */
  #tryGate(fd: number): boolean {
    try {
      attachFilter(fd, GATES[this.#kind]);
      return true;
    } catch (error) {
      const isRefused = error instanceof OsError && error.errno === Errno.EPERM;
      if (isRefused) return false;
      throw error;
    }
  }

  #writeNotes(): void {
    for (const shard of this.#held) {
      const { fd } = shard.socket;
      writeNote(fd, { shards: this.shards, place: this.placeOf(shard) });
    }
  }

  #isActive(shard: Shard): boolean {
    return numberOf(shard) < this.shards;
  }

  #ungate(shard: Shard): void {
    const { fd } = shard.socket;
    detachFilter(fd);
    if (hasFilter(fd, GATES[this.#kind])) {
      throw new OsError("setsockopt", Errno.EPERM, "SO_DETACH_FILTER");
    }
    this.#gated.delete(shard);
  }

  /** A single socket does not share its address, unless a client asks for it. */
  #setSharing(): void {
    for (const each of this.#joined) {
      if (!isHeld(each)) continue;
      const isShared = this.#joined.size > 1 || each.options.reuse_port;
      setReusePort(each.socket.fd, isShared === true);
    }
  }

  /** The places of active sockets, and those that may have one. */
  #activePlaces(): number[] {
    const unplaced = [...this.#joined].some((each) =>
      isHeld(each) && this.#isActive(each) && !this.#places.includes(each)
    );
    return this.#places.flatMap((each, place) => {
      const isActive = each === undefined
        ? unplaced
        : isHeld(each) && this.#isActive(each);
      return isActive ? [place] : [];
    });
  }

  #attachProgram(): void {
    this.#noteRejoined();
    const places = this.#activePlaces();
    // Every socket has the filter.
    if (places.length === 0) return;
    const program = chooserOf(this.#kind, places);
    const errno = this.#tryAttach(program);
    if (errno !== 0) {
      throw new OsError("setsockopt", errno, "SO_ATTACH_REUSEPORT_CBPF");
    }
  }

  /** Any member that has no locked filter will do. */
  #tryAttach(program: readonly Instruction[]): number {
    let refused = 0;
    for (const each of this.#joined) {
      if (!isHeld(each)) continue;
      const errno = tryAttachGroupProgram(each.socket.fd, program);
      if (errno === 0) return 0;
      // EINVAL: a socket that has been alone has no group yet.
      if (errno !== Errno.EINVAL) refused = errno;
    }
    return refused;
  }

  #detachProgram(): void {
    for (const each of this.#joined) {
      if (isHeld(each)) return detachGroupProgram(each.socket.fd);
    }
  }
}

/** A TCP socket is a member while it listens, a UDP socket while it is bound. */
function isMember({ address, socket }: Shard): boolean {
  return address.kind === "udp" || isListening(socket.fd);
}

function setReusePort(fd: number, on: boolean): void {
  const { SOL_SOCKET, SO_REUSEPORT } = abi;
  setOption(fd, SOL_SOCKET, SO_REUSEPORT, on ? 1 : 0, "SO_REUSEPORT");
}

/** The groups of a table of binds. */
export class ShardGroups implements Iterable<ShardGroup> {
  readonly #groups = new Map<string, ShardGroup>();

  /** The group of an address, if it has one. */
  of(address: Shard["address"]): ShardGroup | undefined {
    return this.#groups.size === 0
      ? undefined
      : this.#groups.get(groupKeyOf(address));
  }

  /** The group of an address, which is made if it has none. */
  make(address: HostAddress, shards: number): ShardGroup {
    const key = groupKeyOf(address);
    const group = this.#groups.get(key) ??
      new ShardGroup(address.kind, shards);
    this.#groups.set(key, group);
    return group;
  }

  /** Removes the group of an address if it is a single socket. */
  removeIfPlain(address: HostAddress): void {
    if (this.of(address)?.isPlain) this.#groups.delete(groupKeyOf(address));
  }

  /** Has each group take effect again, after sockets have left or joined. */
  refresh(): void {
    for (const group of this) {
      try {
        group.apply();
      } catch (error) {
        // The next `bind` tries again, and reports it.
        if (!(error instanceof OsError)) throw error;
      }
    }
  }

  /** Forgets the groups: their sockets are closed. */
  clear(): void {
    this.#groups.clear();
  }

  [Symbol.iterator](): Iterator<ShardGroup> {
    return this.#groups.values();
  }
}
