import { assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { Group } from "../support/workers/group.ts";

/** Requests that are sent while no worker runs: each queue gets some of so many. */
const REQUESTS = 60;

async function waiting(group: Group): Promise<number> {
  return (await group.binds())
    .reduce((sum, { waiting = 0 }) => sum + waiting, 0);
}

/** Requests that wait in the queues, until the next `run` serves them. */
async function asked(group: Group): Promise<Promise<string[]>[]> {
  const port = await group.port();
  group.program.signal("SIGTERM");
  await group.program.end();
  const answers = group.askMany(port, REQUESTS, REQUESTS)
    .then((all) => all.map(({ worker }) => worker));
  await eventually(
    "all requests wait",
    async () => await waiting(group) === REQUESTS,
  );
  return [answers];
}

Deno.test("the next run with as many workers serves the queues of the last one", async () => {
  await using group = await Group.start({ workers: 3 });
  const before = (await group.binds()).map(({ inode }) => inode);
  const [answers] = await asked(group);
  await group.restart(3);
  assertEquals([...new Set(await answers!)].sort(), ["0", "1", "2"]);
  assertEquals((await group.binds()).map(({ inode }) => inode), before);
});

for (const workers of [1, undefined]) {
  const title = workers === undefined ? "no --workers" : "--workers 1";
  Deno.test(`a run with ${title} serves the queues of an earlier run with 3, and releases its sockets`, async () => {
    await using group = await Group.start({ workers: 3 });
    const [answers] = await asked(group);
    await group.restart(workers);
    assertEquals((await answers!).length, REQUESTS);
    await group.says(": removed");
    await group.says(": removed");
    assertEquals((await group.binds()).length, 1);
    const after = await group.askMany(await group.port(), REQUESTS);
    assertEquals([...new Set(after.map(({ worker }) => worker))], ["0"]);
  });
}
