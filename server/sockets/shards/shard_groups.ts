/**
 * The groups of sockets that share an address (shard_group.ts), by address.
 *
 * @module
 */
import { canonicalIdentity, type HostAddress } from "../../../address.ts";
import { OsError } from "../../../ffi/libc/errno.ts";
import { ShardGroup } from "./shard_group.ts";

/** The key of a group: the identity of its socket 0. */
export function groupKeyOf(address: HostAddress): string {
  const { shard: _, ...shared } = address;
  return canonicalIdentity(shared);
}

/** The groups of a table of binds. */
export class ShardGroups implements Iterable<ShardGroup> {
  readonly #groups = new Map<string, ShardGroup>();

  /** The group of an address, if it has one. */
  of(address: HostAddress): ShardGroup | undefined {
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
