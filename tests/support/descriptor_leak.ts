/**
 * Detects descriptors of this process that are left open.
 *
 * @module
 */
import { eventually } from "./eventually.ts";
import { descriptorsOf } from "./process_state.ts";

/** Descriptors that Deno opens itself are not leaks; they are not sockets. */
const COUNTED = /^(socket|pipe|\/memfd)|eventpoll|eventfd/;

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
  await eventually(
    () => `nothing left open, but: ${left.join(", ")}`,
    async () => {
      left = [...(await counted()).difference(before)];
      return left.length === 0;
    },
  );
  return result;
}
