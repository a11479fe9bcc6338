import { assertEquals, assertMatch } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { Group } from "../support/workers/group.ts";
import { growUnderLoad, losesNothing } from "../support/workers/reloads.ts";

/** The shards that the daemon holds. */
async function shards(group: Group): Promise<number[]> {
  const binds = await group.binds();
  return binds.map(({ options }) => options.shard ?? 0).sort();
}

Deno.test("SIGTTIN adds a worker and SIGTTOU removes it: no request is lost, also when the daemon re-executes itself", async () => {
  await using group = await Group.start({ workers: 2 });
  const port = await group.port();
  await losesNothing(group, [
    async (seen) => {
      await Promise.all([growUnderLoad(group, 3, seen), group.daemon.reexec()]);
      const processes = await group.processes(port);
      assertEquals([...processes.keys()].sort(), ["0", "1", "2"]);
      assertEquals(await shards(group), [0, 1, 2]);
    },
    async () => {
      await Promise.all([group.shrink(2), group.daemon.reexec()]);
    },
  ]);
  assertEquals([...(await group.processes(port)).keys()].sort(), ["0", "1"]);
  assertEquals(await shards(group), [0, 1]);
});

Deno.test("a service that was started as one worker with a plain socket grows, and the last worker stays", async () => {
  await using group = await Group.start();
  const port = await group.port();
  await losesNothing(group, [
    (seen) => growUnderLoad(group, 2, seen),
    () => group.shrink(1),
  ]);
  group.program.signal("SIGTTOU");
  await group.says("no worker removed: one has to stay");
  assertEquals((await group.processes(port)).size, 1);
});

Deno.test("a worker that does not get ready is not added, and its socket is released", async () => {
  await using group = await Group.start({ workers: 2 });
  await group.plan("broken");
  group.program.signal("SIGTTIN");
  await group.says("no worker added: generation 1 ended before it was ready");
  assertEquals(await shards(group), [0, 1]);
  await group.plan("v2");
  await group.grow(3);
  assertEquals(await shards(group), [0, 1, 2]);
});

Deno.test("without a daemon no worker is added or removed, and the log says so", async () => {
  await using group = await Group.start({
    workers: 2,
    // Also the first bind has to be answered in this time.
    options: ["--timeout", "2s"],
  });
  const port = await group.port();
  const before = await group.processes(port);
  await group.daemon.stop();
  group.program.signal("SIGTTIN");
  assertMatch(await group.says("no worker added"), /daemon/);
  group.program.signal("SIGTTOU");
  assertMatch(await group.says("no worker removed"), /daemon/);
  assertEquals(await group.processes(port), before);
});

Deno.test("with a daemon that was started anew no worker is added or removed, and the log says what to do", async () => {
  using port = OwnPort.take();
  await using group = await Group.start({
    workers: 2,
    address: `127.0.0.1:${port.number}`,
  });
  const before = await group.processes(port.number);
  await group.daemon.stop();
  await using _anew = await Daemon.start({ sock: group.daemon.sock });
  const remedy =
    /EADDRINUSE.*: this daemon does not have the sockets of run.*: end run and start it again$/;
  group.program.signal("SIGTTIN");
  assertMatch(await group.says("no worker added"), remedy);
  group.program.signal("SIGTTOU");
  assertMatch(await group.says("no worker removed"), remedy);
  assertEquals(await group.processes(port.number), before);
});
