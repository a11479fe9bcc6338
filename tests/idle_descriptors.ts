/**
 * What a daemon holds for itself.
 *
 * @module
 */
import { connect } from "../client.ts";
import type { Daemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { descriptorCount, isSettled } from "./process_state.ts";

/** How many descriptors a daemon has open once no client is connected. */
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
  return await descriptorCount(daemon.pid) - 1;
}
