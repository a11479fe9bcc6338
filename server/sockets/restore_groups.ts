/**
 * Makes the groups of sockets that another process of the daemon has held.
 *
 * @module
 */
import { type Bind, type BindTable, isShard } from "./bind_table.ts";
import {
  groupKeyOf,
  type Places,
  type Shard,
  type ShardGroup,
} from "./shard_group.ts";

/** What the other process knew about a group. */
export interface KnownGroup {
  readonly shards: number;
  /** The kernel's list; empty if it is not known. */
  readonly places: Places;
}

/**
 * Makes the groups of the held sockets that have none yet. What is not known about
 * them is read from the sockets.
 *
 * @param known by the key of the group
 */
export function restoreGroups(
  binds: BindTable,
  known: ReadonlyMap<string, KnownGroup> = new Map(),
): void {
  const members = new Map<string, (Bind & Shard)[]>();
  for (const bind of binds) {
    if (!isShard(bind)) continue;
    const key = groupKeyOf(bind.address);
    const isMember = bind.address.shard !== undefined || known.has(key);
    if (!isMember || members.has(key)) continue;
    if (binds.groups.of(bind.address) === undefined) members.set(key, []);
  }
  if (members.size === 0) return;
  for (const bind of binds) {
    if (isShard(bind)) members.get(groupKeyOf(bind.address))?.push(bind);
  }
  for (const [key, held] of members) {
    const { address } = held[0]!;
    const { shards, places = [] } = known.get(key) ?? {};
    const group = binds.groups.make(address, shards ?? 1);
    group.restore(held, places);
    if (shards === undefined) group.shards = shardsOf(held, group);
    // Nothing has changed in the kernel.
    group.settle();
  }
}

/** Sockets with the filter get no new connections. */
function shardsOf(held: readonly Shard[], group: ShardGroup): number {
  const numbers = (isGated: boolean) =>
    held.filter((each) => group.isGated(each) === isGated)
      .map(({ address: { shard = 0 } }) => shard);
  return Math.min(Math.max(0, ...numbers(false)) + 1, ...numbers(true));
}
