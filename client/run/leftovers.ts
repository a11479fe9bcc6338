import { groupRuns, signalGroup } from "../../ffi/process_group.ts";
import { signalNumber } from "../../ffi/signal_numbers.ts";

/** How often those who were left behind are looked for, in ms. */
const LOOK = 100;

/**
 * Ends what is left of a process group whose leader has ended: SIGTERM, and
 * SIGKILL to who is still there after `grace` ms. Resolves when nobody is.
 *
 * @param allowed calls its argument; `undefined` for what may not be done
 */
export async function endLeftovers(
  leader: number,
  grace: number,
  allowed: <T>(action: () => T) => T | undefined,
): Promise<void> {
  const signal = (name: Deno.Signal) =>
    allowed(() => signalGroup(leader, signalNumber(name)));
  if (!signal("SIGTERM")) return;
  const since = performance.now();
  while (allowed(() => groupRuns(leader))) {
    if (performance.now() - since > grace) signal("SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}
