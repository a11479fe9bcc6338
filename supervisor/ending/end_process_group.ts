import { groupRuns, signalGroup } from "../../ffi/processes/process_group.ts";
import { signalNumber } from "../../ffi/processes/signal_numbers.ts";

/** How often to check whether the processes have ended, in ms. */
const INTERVAL = 100;

/**
 * Ends the processes that are left of a group whose leader has ended: SIGTERM,
 * and SIGKILL after `grace` ms. Resolves when none runs.
 *
 * @param permitted calls its argument; `undefined` where the system does not
 * permit that action
 */
export async function endProcessGroup(
  leader: number,
  grace: () => number,
  permitted: <T>(action: () => T) => T | undefined,
): Promise<void> {
  const signal = (name: Deno.Signal) =>
    permitted(() => signalGroup(leader, signalNumber(name)));
  if (!signal("SIGTERM")) return;
  const since = performance.now();
  while (permitted(() => groupRuns(leader))) {
    if (performance.now() - since > grace()) signal("SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}
