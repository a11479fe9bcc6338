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
import type { HostAddress } from "../../../address.ts";
import { abi } from "../../../ffi/libc/abi.ts";
import { Errno, OsError } from "../../../ffi/libc/errno.ts";
import { socketInode } from "../../../ffi/sockets/accept_queue.ts";
import {
  attachFilter,
  detachGroupProgram,
  hasFilter,
  type Instruction,
  tryAttachGroupProgram,
} from "../../../ffi/sockets/classic_bpf.ts";
import { openSocketsAt } from "../../../ffi/sockets/open_sockets.ts";
import { isListening, setOption } from "../../../ffi/sockets/socket.ts";
import { detachFilter } from "../../../ffi/sockets/socket_state.ts";
import type { InternetAddress } from "../../../ffi/sockets/socket_address.ts";
import { writeNote } from "./shard_note.ts";
import {
  isHeld,
  type Member,
  type Places,
  type Shard,
  ShardPlaces,
} from "./shard_places.ts";
import { chooserOf, GATES } from "./shard_programs.ts";

function numberOf({ address }: Shard): number {
  return address.shard ?? 0;
}

/** A group of sockets that share one address. */
export class ShardGroup {
  #shards: number;
  /** Whether the kernel has what {@linkcode ShardGroup.apply} sets. */
  #isApplied = false;
  readonly #held = new Set<Shard>();
  readonly #places = new ShardPlaces();
  readonly #gated = new Set<Shard>();
  /** The address of the members in the kernel. */
  #name: InternetAddress | undefined;
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
    if (this.#members.size > 1 || this.#held.size > 1) return false;
    for (const member of this.#held) if (numberOf(member) > 0) return false;
    return true;
  }

  /** The held sockets. */
  get held(): readonly Shard[] {
    return [...this.#held];
  }

  /** The kernel's list, as far as it is known. */
  get places(): Places {
    return this.#places.list;
  }

  /** The sockets of the kernel's list. */
  get #members(): ReadonlySet<Member> {
    return this.#places.members;
  }

  /** The port of the group, also if the kernel chose it. */
  get port(): number | undefined {
    return this.#name?.port;
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
    if (this.#members.size === 0) return;
    setReusePort(fd, true);
    for (const each of this.#places.held) setReusePort(each.socket.fd, true);
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
    if (!this.#held.has(shard) || this.#members.has(shard)) return;
    this.#places.append(shard);
    this.#isApplied = false;
    this.#name = shard.name ?? this.#name;
    this.#noteGate(shard);
  }

  /**
   * Adds held sockets that share the address already. `places` is the kernel's list,
   * or empty if it is not known.
   */
  restore(held: Iterable<Shard>, places: Places): void {
    for (const shard of held) {
      this.#held.add(shard);
      this.#name = shard.name ?? this.#name;
      this.#noteGate(shard);
    }
    this.#places.restore([...this.#held].filter(isMember), places);
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
    if (this.#members.has(shard)) this.#remove(new Set([shard]));
  }

  /**
   * Notes that the daemon is about to close its copy of a socket. It stays a member
   * while another process has it open.
   */
  disown(shard: Shard): void {
    this.#gated.delete(shard);
    this.#held.delete(shard);
    if (!this.#members.has(shard)) return;
    this.#isApplied = false;
    const inactive = !this.#isActive(shard);
    const inode = socketInode(shard.socket.fd);
    this.#places.replace(shard, { inode, inactive });
  }

  /** Notes which sockets have left since the last time. */
  update(): void {
    const gone = new Set<Member>();
    let open: ReadonlySet<string> | undefined;
    for (const member of this.#members) {
      if (isHeld(member)) {
        if (!isMember(member)) gone.add(member);
        continue;
      }
      open ??= this.#open();
      // Where the kernel does not say it, the program stays as it is.
      if (open?.has(member.inode) === false) gone.add(member);
    }
    if (gone.size > 0) this.#remove(gone);
  }

  #remove(gone: ReadonlySet<Member>): void {
    this.#places.remove(gone);
    this.#isApplied = false;
  }

  #open(): ReadonlySet<string> | undefined {
    if (this.#name === undefined) return undefined;
    const { family, port } = this.#name;
    return openSocketsAt(this.#kind, family, port);
  }

  /**
   * The kernel lists the newest listening IPv4 socket first, and the newest IPv6 socket
   * with SO_REUSEPORT last (`__inet_hash` of its net/ipv4/inet_hashtables.c).
   */
  #inListenOrder(): Member[] | undefined {
    const open = this.#kind === "tcp" ? this.#open() : undefined;
    if (open === undefined || this.#name === undefined) return undefined;
    const byInode = new Map(
      Array.from(this.#members, (each) => [
        isHeld(each) ? socketInode(each.socket.fd) : each.inode,
        each,
      ]),
    );
    const found = [...open].flatMap((inode) => byInode.get(inode) ?? []);
    if (found.length !== this.#members.size) return undefined;
    return this.#name.family === "ipv4" ? found.reverse() : found;
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
      [...this.#members].some((each) => !isHeld(each) && each.inactive);
    // The program of an earlier process may know places that this one does not.
    if (!this.#isApplied || this.#places.isKnown) {
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
      writeNote(fd, { shards: this.shards, place: this.#places.of(shard) });
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
    for (const { socket, options } of this.#places.held) {
      const isShared = this.#members.size > 1 || options.reuse_port;
      setReusePort(socket.fd, isShared === true);
    }
  }

  /** The places of active sockets, and those that may have one. */
  #activePlaces(): number[] {
    const unplaced = this.#places.held.some((each) =>
      this.#isActive(each) && this.#places.of(each) === undefined
    );
    return this.places.flatMap((each, place) => {
      const isActive = each === undefined
        ? unplaced
        : isHeld(each) && this.#isActive(each);
      return isActive ? [place] : [];
    });
  }

  #attachProgram(): void {
    const observed = this.#inListenOrder();
    if (observed && this.#places.noteOrder(observed)) this.#isApplied = false;
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
    for (const { socket } of this.#places.held) {
      const errno = tryAttachGroupProgram(socket.fd, program);
      if (errno === 0) return 0;
      // EINVAL: a socket that has been alone has no group yet.
      if (errno !== Errno.EINVAL) refused = errno;
    }
    return refused;
  }

  #detachProgram(): void {
    const [first] = this.#places.held;
    if (first !== undefined) detachGroupProgram(first.socket.fd);
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
