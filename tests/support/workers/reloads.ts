/**
 * Reloads, growths and shrinkings under load.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { underLoad } from "../haproxy/under_load.ts";
import type { Group } from "./group.ts";

/** Performs `actions` one after another under load: no request may be lost. */
export async function losesNothing(
  group: Group,
  actions: readonly (() => Promise<void>)[],
): Promise<void> {
  const { lost, answered, names } = await underLoad(
    await group.port(),
    async () => {
      for (const action of actions) await action();
    },
  );
  assertEquals(lost, [], group.log);
  assert(answered > 0 && names.size > 1, [...names].join());
}

/** The same action several times. */
export function times(
  count: number,
  action: (index: number) => Promise<void>,
): (() => Promise<void>)[] {
  return Array.from({ length: count }, (_, index) => () => action(index));
}
