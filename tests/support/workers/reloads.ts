/**
 * Reloads, growths and shrinkings under load.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { LoadResult } from "../serve/load.ts";
import { underLoad, untilSeen } from "../serve/under_load.ts";
import type { Group } from "./group.ts";

/** Performs `actions` one after another under load: no request may be lost. */
export async function losesNothing(
  group: Group,
  actions: readonly ((seen: Readonly<LoadResult>) => Promise<void>)[],
): Promise<void> {
  const { lost, names } = await underLoad(
    { port: await group.port() },
    async (seen) => {
      for (const action of actions) await action(seen);
    },
  );
  assertEquals(lost, [], group.log);
  assert(names.size > 1, [...names].join());
}

/** Adds a worker, and waits until it has answered a client of the load. */
export async function growUnderLoad(
  group: Group,
  count: number,
  seen: Readonly<LoadResult>,
): Promise<void> {
  await group.grow(count);
  await untilSeen(seen, new RegExp(`^${count - 1} `));
}

/** The same action several times. */
export function times(
  count: number,
  action: (index: number, seen: Readonly<LoadResult>) => Promise<void>,
): ((seen: Readonly<LoadResult>) => Promise<void>)[] {
  return Array.from(
    { length: count },
    (_, index) => (seen) => action(index, seen),
  );
}
