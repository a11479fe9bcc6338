/**
 * What a daemon holds for itself.
 *
 * @module
 */
import { connect } from "../client.ts";
import type { Daemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { descriptorsOf, isSettled } from "./process_state.ts";

/**
 * Deno opens its caches, and closes them, when it has compiled something: a
 * first start of new code is not like the next.
 */
const CACHE = /\/\w+_cache_v\d+(-\w+)?$/;

/** How many descriptors a daemon has open, those of Deno's caches aside. */
export async function ownDescriptors(pid: number): Promise<number> {
  const targets = [...(await descriptorsOf(pid)).values()];
  return targets.filter((target) => !CACHE.test(target)).length;
}

/** {@linkcode ownDescriptors} once no client is connected. */
export async function idleDescriptors(daemon: Daemon): Promise<number> {
  using session = await connect({ sock: daemon.sock });
  await eventually(
    "a daemon without clients",
    async () => (await session.status()).clients === 1,
  );
  await eventually(
    "Deno's own handler of SIGUSR1",
    () => isSettled(daemon.pid),
  );
  // The session's own is one of them.
  return await ownDescriptors(daemon.pid) - 1;
}
