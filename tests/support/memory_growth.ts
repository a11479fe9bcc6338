/**
 * Detects memory leaks of a process.
 *
 * @module
 */
import { residentMemory } from "./process_state.ts";

/** A leak grows in each of these rounds; garbage does not. */
const ROUNDS = 5;

/** Fails where each round of the same work leaves a process `margin` KiB larger. */
export async function assertNoGrowth(
  pid: number,
  margin: number,
  round: () => Promise<void>,
): Promise<void> {
  const grown: number[] = [];
  while (grown.length < ROUNDS) {
    const before = await residentMemory(pid);
    await round();
    grown.push(await residentMemory(pid) - before);
    if (grown.at(-1)! < margin) return;
  }
  throw new Error(`${grown.join(", ")} KiB more, round after round`);
}
