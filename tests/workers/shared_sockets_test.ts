import { assertEquals } from "@std/assert";
import { Group } from "../support/workers/group.ts";

Deno.test("workers share a UNIX socket while one is added and one is removed", async () => {
  await using group = await Group.start({
    workers: 2,
    address: `unix:@workers-share-a-socket-${Deno.pid}`,
  });
  await group.grow(3);
  await group.shrink(2);
  assertEquals((await group.binds()).length, 1);
});
