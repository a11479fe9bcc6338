import { assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { Group } from "../support/shards/group.ts";
import { Workers } from "../support/shards/workers.ts";

Deno.test("ten growths and ten shrinkings under load lose no connection, twice", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await using workers = await Workers.start(group, 16);
  for (let round = 0; round < 2; round++) {
    while (workers.size < 11) {
      await workers.grow();
      await workers.times(100);
    }
    while (workers.size > 1) {
      await workers.shrink();
      await workers.times(100);
    }
  }
  await workers.stop();
  assertEquals((await daemon.status()).binds, 1);
});
