import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { Daemon, type RunningDaemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { WITHOUT_NET_ADMIN } from "../support/socket_kinds/without_net_admin.ts";
import { assertEven, Group } from "../support/shards/group.ts";
import { olderDaemon } from "../support/takeover/old_server.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

const ADDRESS = "127.0.0.1:0";

/**
 * A group whose order in the kernel is not that of its numbers: 0, 3, 2, and then 1
 * again. Its last socket is retired.
 */
async function disorderedGroup({ sock }: RunningDaemon): Promise<Group> {
  const group = new Group(sock, ADDRESS);
  await group.bindAll(4);
  group.close(1);
  using session = await connect({ sock });
  await session.release(ADDRESS, { shard: 1 });
  await group.bind(1, 3);
  return group;
}

async function listedShards(
  { sock }: RunningDaemon,
): Promise<(number | undefined)[][]> {
  using session = await connect({ sock });
  const listed = await session.list();
  return listed.map(({ options: { shard, shards } }) => [shard, shards]).sort();
}

async function assertRetired(group: Group): Promise<void> {
  const spread = await group.spread(120);
  assertEquals(spread[3], 0);
  assertEven(spread.slice(0, 3));
}

async function assertGrows(group: Group): Promise<void> {
  const sockets = [0, 1, 2, 3].map((shard) => socketOf(group.at(shard)));
  await group.bind(3, 4);
  assertEven(await group.spread(200));
  await group.bind(0, 2);
  const spread = await group.spread(80);
  assertEquals(spread.slice(2), [0, 0]);
  assertEven(spread.slice(0, 2));
  await group.bindAll(4);
  assertEquals(
    [0, 1, 2, 3].map((shard) => socketOf(group.at(shard))),
    sockets,
  );
}

Deno.test("the daemon knows the kernel's order after a socket has left and another has joined", async () => {
  await using daemon = await Daemon.start();
  using group = await disorderedGroup(daemon);
  assertEquals(await listedShards(daemon), [
    [0, 3],
    [1, 3],
    [2, 3],
    [3, 3],
  ]);
  await assertRetired(group);
  await assertGrows(group);
});

Deno.test(
  "without CAP_NET_ADMIN inactive sockets get no connections either",
  { ignore: Deno.uid() !== 0 || await lacks("setpriv") },
  async () => {
    await using daemon = await Daemon.start({ under: WITHOUT_NET_ADMIN });
    using group = await disorderedGroup(daemon);
    await assertRetired(group);
    await daemon.reexec();
    await assertRetired(group);
    await assertGrows(group);
  },
);

Deno.test("a re-exec keeps a group, its order and who gets connections", async () => {
  await using daemon = await Daemon.start();
  using group = await disorderedGroup(daemon);
  const before = await listedShards(daemon);
  for (let generation = 0; generation < 2; generation++) {
    await daemon.reexec();
    assertEquals(await listedShards(daemon), before);
    await assertRetired(group);
  }
  await assertGrows(group);
});

Deno.test("a re-exec keeps the number of active sockets of a group with socket 0 only", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, ADDRESS);
  await group.bind(0, 4);
  for (let generation = 0; generation < 2; generation++) {
    await daemon.reexec();
    assertEquals(await listedShards(daemon), [[0, 4]]);
  }
  await group.bindAll(4);
  assertEven(await group.spread(200));
});

Deno.test("a takeover keeps a group, its order and who gets connections", async () => {
  await using old = await Daemon.start();
  using group = await disorderedGroup(old);
  const before = await listedShards(old);
  const { sock } = old;
  await using daemon = await Daemon.start({ sock, args: ["--takeover"] });
  await old.stop();
  assertEquals(await listedShards(daemon), before);
  await assertRetired(group);
  await assertGrows(group);
});

Deno.test("where the order is not known each active socket gets connections, and the others none", async () => {
  await using old = await olderDaemon((source) =>
    source.edit("server/sockets/shards/shard_note.ts", "setModeOf(", "void (")
  );
  using group = await disorderedGroup(old as CopiedDaemon);
  const { sock } = old;
  await using daemon = await Daemon.start({ sock, args: ["--takeover"] });
  await group.bind(3, 3);
  // A client that meets an inactive socket tries again after a second.
  const spread = await group.spread(8);
  assertEquals(spread[3], 0);
  await group.bind(4, 5);
  assertEven(await group.spread(200));
  // The sockets that have joined since have known places.
  await group.bind(4, 4);
  const four = await group.spread(80);
  assertEquals(four[4], 0);
  assertEven(four.slice(0, 4));
  assertEquals((await daemon.status()).binds, 5);
});

Deno.test("a daemon that knows no shards takes over nothing wrong: its only socket becomes socket 0", async () => {
  await using old = await olderDaemon(async (source) => {
    await source.edit(
      "server/requests/list_method.ts",
      "...shardOptions(bind, groups),",
      "",
    );
    await source.edit("protocol.ts", "  shard: { kinds", "  // shard: { kinds");
  });
  const { sock } = old;
  using plain = await bind(ADDRESS, { sock });
  await using _daemon = await Daemon.start({ sock, args: ["--takeover"] });
  using group = new Group(sock, ADDRESS);
  await group.bindAll(2);
  assertEquals(socketOf(group.at(0)), socketOf(plain));
  assertEven(await group.spread(60));
});

Deno.test("a release that knows no shards is refused as the next version while shards are held", async () => {
  await using daemon = await CopiedDaemon.start();
  const { sock, source } = daemon;
  using group = new Group(sock, ADDRESS);
  await group.bindAll(2);
  await source.edit(
    "server/reexec/state.ts",
    "if (format !== 1 && format !== 2)",
    "if (format as number !== 1)",
  );
  assertStringIncludes(await daemon.failingUpgrade(), "format 2");
  assertEven(await group.spread(60));
  group.close(1);
  using session = await connect({ sock });
  await session.release(ADDRESS, { shard: 1 });
  await daemon.reexec();
  assert((await session.status()).generation > 1);
  assertEquals((await group.spread(10)).length, 1);
});
