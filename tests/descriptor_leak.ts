/**
 * Whether something left a descriptor of this process open.
 *
 * @module
 */
import { descriptorsOf } from "./process_state.ts";

/** What a runtime opens on its own is no leak: it has no socket behind it. */
const COUNTED = /^(socket|pipe|\/memfd)|eventpoll|eventfd/;

/** Turns of the event loop within which everything is closed. */
const TURNS = 500;

async function counted(): Promise<Set<string>> {
  const found = new Set<string>();
  for (const [fd, target] of await descriptorsOf(Deno.pid)) {
    if (COUNTED.test(target)) found.add(`${fd} ${target}`);
  }
  return found;
}

/**
 * Runs `action` and fails if a descriptor that was opened meanwhile is still
 * open once the event loop has settled.
 */
export async function withoutLeak<T>(action: () => Promise<T>): Promise<T> {
  const before = await counted();
  const result = await action();
  let left: string[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    left = [...await counted()].filter((each) => !before.has(each));
    if (left.length === 0) return result;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`left open: ${left.join(", ")}`);
}
