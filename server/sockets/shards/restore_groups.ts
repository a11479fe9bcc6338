/**
 * Makes the groups of sockets that another process of the daemon has held.
 *
 * @module
 */
import { type Bind, type BindTable, isShard } from "../bind_table.ts";
import { groupKeyOf } from "./shard_groups.ts";
import { readNote } from "./shard_note.ts";
import type { Places, Shard } from "./shard_places.ts";

/** What the other process knew about a group. */
export interface KnownGroup {
  readonly shards: number;
  /** The kernel's list; empty if it is not known. */
  readonly places: Places;
}

/**
 * Makes the groups of the held sockets that have none yet. What is not known about
 * them is read from the notes on the sockets.
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
    const { shards, places } = known.get(key) ?? notedGroup(held);
    const group = binds.groups.make(held[0]!.address, shards);
    group.restore(held, places);
    // Nothing has changed in the kernel.
    group.settle();
  }
}

/** What the daemon has noted on the sockets. Without a note all of them are active. */
function notedGroup(held: readonly Shard[]): KnownGroup {
  const places: (Shard | undefined)[] = [];
  let noted: number | undefined;
  for (const each of held) {
    const note = readNote(each.socket.fd);
    if (note === undefined) continue;
    noted ??= note.shards;
    // A place that nobody has makes the list longer than the group: it is ignored.
    if (note.place !== undefined) places[note.place] = each;
  }
  const numbers = held.map(({ address: { shard = 0 } }) => shard);
  return { shards: noted ?? Math.max(...numbers) + 1, places: [...places] };
}
