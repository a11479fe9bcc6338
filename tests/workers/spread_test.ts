import { assert, assertEquals } from "@std/assert";
import { Group } from "../support/workers/group.ts";

Deno.test("400 connections spread over 4 workers, of which none gets less than 15%", async () => {
  await using group = await Group.start({ workers: 4 });
  const counts: Record<string, number> = {};
  for (const { worker } of await group.askMany(await group.port(), 400)) {
    counts[worker] = (counts[worker] ?? 0) + 1;
  }
  assertEquals(Object.keys(counts).sort(), ["0", "1", "2", "3"]);
  for (const count of Object.values(counts)) {
    assert(count >= 60, JSON.stringify(counts));
  }
});
