import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "../../client.ts";
import type { ListedSocket } from "../../client/command/list/listing.ts";
import { Daemon } from "../support/daemon.ts";
import { Group } from "../support/shards/group.ts";
import { runClient } from "../support/client_program.ts";

Deno.test("list shows each shard with its queue, and release takes it as list shows it", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await group.bindAll(3);
  await group.connect(30);
  const { output } = await runClient(daemon, ["list", "--no-holders"]);
  const rows = output.trim().split("\n").slice(1).map((line) =>
    line.split(/ {2,}/)
  );
  assertEquals(
    rows.map(([address, , , waiting]) => [address, waiting]),
    group.waiting().map((waiting, shard) => [
      `127.0.0.1:0${shard === 0 ? "" : ` --shard ${shard}`} (${group.port})`,
      `${waiting}`,
    ]),
  );
  const released = ["release", "127.0.0.1:0", "--shard", "2"];
  const { code, errors } = await runClient(daemon, released);
  assertEquals(code, 0);
  // The socket is still in the hands of this test.
  assertStringIncludes(
    errors,
    `127.0.0.1:0 --shard 2 is released, and still held by ${Deno.pid}`,
  );
  const again = await runClient(daemon, released);
  assertEquals(again.code, 1);
  assertStringIncludes(again.errors, "shard 2");
  const json = await runClient(daemon, ["list", "--json"]);
  const listed: ListedSocket[] = JSON.parse(json.output);
  assertEquals(
    listed.map(({ options, holders }) => [
      options.shard,
      options.shards,
      holders?.map(({ pid }) => pid),
    ]),
    [[0, 3, [Deno.pid]], [1, 3, [Deno.pid]]],
  );
});

Deno.test("metrics have a series for each shard", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await group.bindAll(2);
  await group.connect(10);
  const { output } = await runClient(daemon, ["metrics"]);
  const series = output.split("\n").filter((line) => !line.startsWith("#"))
    .map((line) => line.split(" ")[0]!);
  assertEquals(series.length, new Set(series).size);
  for (const [shard, waiting] of group.waiting().entries()) {
    assertStringIncludes(
      output,
      `multibinder_accept_queue_length{address="127.0.0.1:${group.port}",kind="tcp",shard="${shard}"} ${waiting}\n`,
    );
  }
});

Deno.test("release refuses a shard that is not a number from 0 to 63", async () => {
  for (const wrong of ["64", "-1", "x", "1.5"]) {
    const { code, errors } = await runClient(undefined, [
      "release",
      "127.0.0.1:0",
      `--shard=${wrong}`,
    ]);
    assertEquals(code, 2);
    assertStringIncludes(errors, `invalid --shard ${wrong}`);
  }
});

Deno.test("a log line about a shard has its number", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await group.bindAll(2);
  const granted = await daemon.program.errors.next("shard=1");
  assertStringIncludes(granted, "bind granted");
  using session = await connect({ sock: daemon.sock });
  await session.release("127.0.0.1:0", { shard: 1 });
  const released = await daemon.program.errors.next("release granted");
  assertStringIncludes(released, "shard=1");
});
