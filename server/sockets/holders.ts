/**
 * The processes that have received a socket, as far as they are known.
 *
 * @module
 */
import { canonicalIdentity, type HostAddress } from "../../address.ts";
import { isRunning } from "../../ffi/processes/process.ts";
import type { Bind, BindTable } from "./bind_table.ts";

/** How many processes are remembered for each socket. */
const MOST = 16;

/** Remembers a process that gets the socket. */
export function addHolder(bind: Bind, pid: number): void {
  const { holders } = bind;
  if (holders.includes(pid)) return;
  if (holders.length >= MOST) {
    const running = holders.filter(isRunning);
    bind.holders = [...running.slice(1 - MOST), pid];
  } else {
    bind.holders = [...holders, pid];
  }
}

/**
 * Whether a process that has received the socket may have it still. Nothing is
 * known about a socket that came from a descriptor store or a Ruby server.
 */
export function mayBeHeld({ holders }: Bind): boolean {
  return holders.length === 0 || holders.some(isRunning);
}

/**
 * How many of the first `shards` sockets of a group a process may still use: all up
 * to the last one that may be held, and socket 0, which is about to be handed out.
 */
export function usedShards(
  address: HostAddress,
  shards: number,
  binds: BindTable,
): number {
  for (let shard = shards - 1; shard > 0; shard--) {
    const bind = binds.get(canonicalIdentity({ ...address, shard }));
    if (bind !== undefined && mayBeHeld(bind)) return shard + 1;
  }
  return 1;
}
