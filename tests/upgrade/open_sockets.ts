/**
 * What a daemon has open.
 *
 * @module
 */
import { connect } from "../../client.ts";
import { eventually } from "../eventually.ts";
import { descriptorsOf, isSettled } from "../process_state.ts";

/** Every kind of descriptor and how many, once one client is connected. */
export async function openSockets(
  daemon: { sock: string; pid: number },
): Promise<Record<string, number>> {
  using session = await connect({ sock: daemon.sock });
  await eventually(
    "a daemon without other clients",
    async () => (await session.status()).clients === 1,
  );
  await eventually(
    "Deno's own handler of SIGUSR1",
    () => isSettled(daemon.pid),
  );
  const kinds: Record<string, number> = {};
  for (const target of (await descriptorsOf(daemon.pid)).values()) {
    const kind = target.replace(/:?\[\d+\]$/, "");
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}
