import { assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { Group } from "../support/shards/group.ts";
import { Workers } from "../support/shards/workers.ts";

Deno.test("a group that grows and shrinks under load, with a re-exec in between, loses no connection", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await using workers = await Workers.start(group, 4);
  await workers.grow();
  await workers.grow();
  await daemon.reexec();
  await workers.times(50);
  await workers.shrink();
  await workers.grow();
  await workers.shrink();
  await workers.shrink();
  await workers.times(50);
  await workers.stop();
  assertEquals((await daemon.status()).binds, 1);
});
