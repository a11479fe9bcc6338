import { assert, assertEquals } from "@std/assert";
import { Group } from "../support/workers/group.ts";

Deno.test("a worker that crashes is replaced alone, and the next process serves its queue", async () => {
  await using group = await Group.start({ workers: 2 });
  const port = await group.port();
  const before = await group.processes(port);
  await group.plan("held");
  Deno.kill(before.get("1")!, "SIGKILL");
  await group.says("worker 1: generation 2: started");
  const answers = group.askMany(port, 20);
  await group.untilQueued(1);
  await group.letGoOn();
  const processes = new Map(
    (await answers).map(({ worker, pid }) => [worker, pid]),
  );
  assertEquals(processes.get("0"), before.get("0"));
  assert(processes.get("1") !== before.get("1"));
  assert(!group.log.includes("worker 0: generation 2"), group.log);
});
