import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";
import {
  type Address,
  canonicalIdentity,
  formatAddress,
  hasHost,
  type HostAddress,
} from "../../address.ts";
import type { FileIdentity } from "../../ffi/files/file.ts";
import type { Peer } from "../../ffi/sockets/socket.ts";
import type { WireOptions } from "../../protocol.ts";
import type { BoundSocket, Predecessor } from "./listening_socket.ts";
import { removeSocketFile } from "./unix_socket.ts";
import type { ShardGroup } from "./shards/shard_group.ts";
import { groupKeyOf, ShardGroups } from "./shards/shard_groups.ts";
import type { Shard } from "./shards/shard_places.ts";
import { SharedDescriptor } from "./shared_descriptor.ts";

/** The client to which a socket was last handed over. */
export interface LastPeer extends Peer {
  /** Time of the hand-over in ms since 1970. */
  at: number;
}

/** A socket that the daemon holds. */
export interface Bind {
  /** The canonical address. */
  readonly address: Address;
  /** The address as text ({@linkcode canonicalIdentity}). */
  readonly identity: string;
  /**
   * The daemon's own copy, close-on-exec. {@linkcode BindTable.replace} changes
   * it and what follows.
   */
  socket: SharedDescriptor;
  /** The file of a bind to a path. */
  file: FileIdentity | undefined;
  /** Where a bind to a host is bound, with the port that the kernel chose. */
  name: InternetAddress | undefined;
  /** As last requested; the kernel may use smaller values. */
  options: WireOptions;
  /** When it was bound, in ms since 1970. */
  boundAt: number;
  /** Number of hand-overs. */
  handedOut: number;
  lastPeer: LastPeer | undefined;
  /** Processes that have received it (holders.ts). */
  holders: readonly number[];
}

/** Is notified of changes of the table. */
export interface BindObserver {
  /** A bind was added. */
  bound(bind: Bind): void;
  /** A bind was removed; its socket is still open. */
  released(bind: Bind): void;
  /** Resolves when the observer has closed its copies of released sockets. */
  settle(): Promise<void>;
  /** Blocks for a short time to finish its work: an exec follows. */
  flush(): void;
}

/** The sockets that the daemon holds, by identity. */
export class BindTable implements Iterable<Bind> {
  readonly #binds = new Map<string, Bind>();
  /** The groups of sockets that share an address. */
  readonly groups = new ShardGroups();
  #closed = false;
  observer: BindObserver | undefined;
  #settling: Promise<void> | undefined;

  /** Whether the daemon is stopping: the table is empty and stays empty. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Number of held sockets. */
  get size(): number {
    return this.#binds.size;
  }

  /** The bind of an identity. */
  get(identity: string): Bind | undefined {
    return this.#binds.get(identity);
  }

  /** Adds a bind and takes ownership of its socket. */
  add(bind: Bind): void {
    const { identity, address } = bind;
    if (this.#binds.has(identity)) {
      throw new TypeError(`${formatAddress(address)} is already bound`);
    }
    this.#binds.set(identity, bind);
    if (isShard(bind)) this.groups.of(bind.address)?.add(bind);
    this.observer?.bound(bind);
  }

  /** The group of an address that takes part in one; it has its socket 0. */
  group(address: HostAddress, shards: number): ShardGroup {
    const known = this.groups.of(address);
    if (known !== undefined) return known;
    const group = this.groups.make(address, shards);
    const zero = this.get(groupKeyOf(address));
    if (zero !== undefined && isShard(zero)) group.add(zero);
    return group;
  }

  /** How to bind a new socket that joins the group of its address, if it has one. */
  amongShards(address: HostAddress): Pick<Predecessor, "port" | "prepare"> {
    const group = this.groups.of(address);
    if (group === undefined) return {};
    const prepare = (fd: number) => group.prepare(fd, address.shard ?? 0);
    return address.port === 0 && group.port !== undefined
      ? { prepare, port: group.port }
      : { prepare };
  }

  /** Gives a bind another socket, and closes the daemon's copy of the old one. */
  replace(bind: Bind, socket: BoundSocket): void {
    this.observer?.released(bind);
    const shard = isShard(bind) ? bind : undefined;
    const group = shard && this.groups.of(shard.address);
    if (shard) group?.disown(shard);
    bind.socket.release();
    putInto(bind, socket);
    if (shard) group?.add(shard);
    this.observer?.bound(bind);
  }

  /** Adds a bind again that was released, with another socket. */
  addAgain(bind: Bind, socket: BoundSocket): void {
    putInto(bind, socket);
    this.add(bind);
  }

  /**
   * Closes the daemon's copy of a socket and removes its path. Processes that
   * have a copy keep it.
   */
  release(bind: Bind): void {
    const { identity, address, file } = bind;
    this.#binds.delete(identity);
    try {
      this.observer?.released(bind);
      if (file && !hasHost(address)) removeSocketFile(address.path, file);
      if (isShard(bind)) this.groups.of(bind.address)?.disown(bind);
    } finally {
      bind.socket.release();
    }
  }

  /**
   * Pending while the observer has copies of released sockets, which occupy their
   * addresses; undefined when it has none.
   */
  get settling(): Promise<void> | undefined {
    return this.#settling;
  }

  /** Call after releases: begins {@linkcode BindTable.settling}. */
  settle(): void {
    const settling = this.observer?.settle().finally(() => {
      if (this.#settling === settling) this.#settling = undefined;
      this.groups.refresh();
    });
    this.#settling = settling;
  }

  /** In the order of the binds. */
  [Symbol.iterator](): Iterator<Bind> {
    return this.#binds.values();
  }

  /** Closes the daemon's copies. Processes that have copies keep them. */
  close(): void {
    this.#closed = true;
    // A pending settle() refreshes the groups.
    this.groups.clear();
    for (const { socket } of this) socket.release();
    this.#binds.clear();
  }
}

/** Whether a bind can be a member of a group. */
export function isShard(bind: Bind): bind is Bind & Shard {
  return hasHost(bind.address);
}

function putInto(bind: Bind, { socket, file, name }: BoundSocket): void {
  bind.socket = new SharedDescriptor(socket);
  bind.file = file;
  bind.name = name;
  bind.boundAt = Date.now();
}

/** Creates a bind of a new socket. */
export function newBind(
  address: Address,
  { socket, file, name }: BoundSocket,
  options: WireOptions,
): Bind {
  return {
    address,
    identity: canonicalIdentity(address),
    socket: new SharedDescriptor(socket),
    file,
    name,
    options,
    boundAt: Date.now(),
    handedOut: 0,
    lastPeer: undefined,
    holders: [],
  };
}
