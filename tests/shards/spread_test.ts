import { assert, assertEquals } from "@std/assert";
import { bind, bindShards, connect } from "../../client.ts";
import {
  assertSameSocket,
  lacksIpv6,
  socketOf,
  tcpAddress,
} from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { granted } from "../support/socket_kinds/raw_bind.ts";
import { assertEven, Group } from "../support/shards/group.ts";

const ignore = lacksIpv6();

Deno.test("four sockets get 400 connections evenly", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await group.bindAll(4);
  const spread = await group.spread(400);
  assertEquals(spread.length, 4);
  assert(spread.every((each) => each >= 60), `15% of 400: ${spread}`);
});

for (
  const [address, ...hostnames] of [
    ["127.0.0.1:0", "127.0.0.1"],
    ["[::1]:0", "::1"],
    [":0", "127.0.0.1", "::1"],
  ] as const
) {
  Deno.test(
    `a prepared and a retired socket of ${address} get no connection, and an active one does`,
    { ignore: ignore && address !== "127.0.0.1:0" },
    async () => {
      await using daemon = await Daemon.start();
      using group = new Group(daemon.sock, address);
      const spread = async () => {
        const each: number[][] = [];
        for (const host of hostnames) each.push(await group.spread(60, host));
        return each[0]!.map((_, shard) =>
          each.reduce((sum, counts) => sum + counts[shard]!, 0)
        );
      };
      await group.bind(0, 1);
      await group.bind(1, 1);
      assertEquals((await spread())[1], 0);
      await group.bind(1, 2);
      assertEven(await spread());
      await group.bind(2, 2);
      const three = await spread();
      assertEquals(three[2], 0);
      assertEven(three.slice(0, 2));
      await group.bind(2, 3);
      assertEven(await spread());
      await group.bind(0, 1);
      assertEquals((await spread()).slice(1), [0, 0]);
    },
  );
}

Deno.test("what waits in the queue of a retired socket can be accepted", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await group.bindAll(3);
  const before = await group.spread(90);
  await group.bind(0, 2);
  const after = await group.spread(60);
  assertEquals(after[2], 0);
  assert(before[2]! > 0);
  assertEquals(group.drain(2), before[2]);
});

Deno.test("a plain bind and shard 0 are one socket", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using plain = await bind("127.0.0.1:0", { sock });
  using zero = await bind("127.0.0.1:0", { sock, shard: 0, shards: 2 });
  using one = await bind("127.0.0.1:0", { sock, shard: 1, shards: 2 });
  using again = await bind("127.0.0.1:0", { sock });
  assertSameSocket(plain, zero);
  assertSameSocket(plain, again);
  assertEquals(one.addr, plain.addr);
  assertEquals((await daemon.status()).binds, 2);
});

Deno.test("a client that knows no shards, as the Ruby one, gets socket 0 of a group", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, "127.0.0.1:0");
  await group.bind(1, 3);
  await group.bind(0, 3);
  using ruby = daemon.rawConnection();
  const fd = await granted(ruby, { address: "127.0.0.1", port: 0 });
  assertEquals(
    Deno.readLinkSync(`/proc/self/fd/${fd}`),
    socketOf(group.at(0)),
  );
  assertEven(await group.spread(40));
});

Deno.test("a group on a device has its own sockets, and a prepared one gets no connection", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using group = new Group(sock, "127.0.0.1:0");
  for (const [shard, shards] of [[0, 1], [1, 1]] as const) {
    const options = { sock, device: "lo", shard, shards };
    group.add(shard, await bind("127.0.0.1:0", options));
  }
  assertEquals(await group.spread(30), [30, 0]);
  const options = { sock, device: "lo", shard: 1, shards: 2 };
  group.add(1, await bind("127.0.0.1:0", options));
  assertEven(await group.spread(40));
});

Deno.test("64 sockets are a group, of which one is prepared", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using group = new Group(sock, "127.0.0.1:0");
  const shards = await bindShards("127.0.0.1:0", 64, { sock });
  for (const [shard, each] of shards.entries()) group.add(shard, each);
  await group.bind(0, 63);
  const spread = await group.spread(640);
  assertEquals(spread[63], 0);
  assert(spread.filter((each) => each > 0).length > 55, `${spread}`);
});

Deno.test("a service goes from one socket to several and back without release of the first", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using group = new Group(sock, "127.0.0.1:0");
  group.add(0, await bind("127.0.0.1:0", { sock }));
  await group.bindAll(2);
  assertEven(await group.spread(40));
  await group.bind(0, 1);
  assertEquals((await group.spread(20))[1], 0);
  group.drain(1);
  group.close(1);
  using session = await connect({ sock });
  await session.release("127.0.0.1:0", { shard: 1 });
  assertEquals(await group.spread(20), [20]);
  await group.bindAll(2);
  assertEven(await group.spread(40));
});

Deno.test("bindShards gives the sockets of a group in order", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using group = new Group(sock, "127.0.0.1:0");
  const shards = await bindShards("127.0.0.1:0", 4, { sock, backlog: 300 });
  for (const [shard, each] of shards.entries()) group.add(shard, each);
  using session = await connect({ sock });
  const listed = await session.list();
  assertEquals(
    listed.map(({ options: { shard, shards, backlog } }) => [
      shard,
      shards,
      backlog,
    ]),
    [[0, 4, 300], [1, 4, 300], [2, 4, 300], [3, 4, 300]],
  );
  using second = await bind("127.0.0.1:0", { sock, shard: 2, shards: 4 });
  assertSameSocket(second, group.at(2));
  assertEquals(tcpAddress(second).port, group.port);
  assertEven(await group.spread(200));
});
