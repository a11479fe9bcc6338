import { assert, assertEquals } from "@std/assert";
import { OwnPort } from "../support/loopback.ts";
import { activated, Group } from "../support/workers/group.ts";
import { losesNothing, times } from "../support/workers/reloads.ts";

Deno.test("a reload of 4 workers under load loses no request, and each process is replaced", async () => {
  await using group = await Group.start({ workers: 4 });
  const port = await group.port();
  const before = await group.processes(port);
  await losesNothing(group, times(1, () => group.reload(4)));
  const after = await group.processes(port);
  assertEquals([...after.keys()].sort(), ["0", "1", "2", "3"]);
  for (const [worker, pid] of before) {
    assert(after.get(worker) !== pid, `worker ${worker}`);
  }
});

Deno.test("a reload of workers whose program knows nothing of sockets loses no request", async () => {
  using port = OwnPort.take();
  await using group = await Group.start(activated(port, 2));
  await losesNothing(group, times(1, () => group.reload(2)));
});

Deno.test("a broken version replaces no worker: one is started, and the log says why that is all", async () => {
  await using group = await Group.start({ workers: 3 });
  const port = await group.port();
  const before = await group.processes(port);
  await group.plan("broken");
  group.program.signal("SIGHUP");
  await group.says("worker 0: reload failed: generation 1 keeps serving");
  await group.says("reload failed: no other worker is replaced");
  assertEquals(await group.processes(port), before);
  assert(!group.log.includes("worker 1: generation 2"), group.log);
  assert(!group.log.includes("worker 2: generation 2"), group.log);
});
