import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
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

Deno.test("a program that binds the address beside run changes nothing, and after run has ended it gets every connection", async () => {
  await using group = await Group.start({ workers: 3 });
  const { sock } = group.daemon;
  using _beside = await bind("127.0.0.1:0", { sock });
  const shards = async () => (await group.binds())[0]?.options.shards;
  assertEquals(await shards(), 3);
  group.program.signal("SIGTERM");
  await group.program.end();
  using web = await bind("127.0.0.1:0", { sock });
  assertEquals(await shards(), 1);
  await using _server = web.serve(() => new Response("plain plain plain"));
  const answers = await group.askMany(await group.port(), REQUESTS);
  assertEquals(
    answers.map(({ version }) => version),
    Array(REQUESTS).fill("plain"),
  );
});
