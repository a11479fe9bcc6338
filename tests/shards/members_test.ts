import { assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import {
  lacksIpv6,
  socketOf,
  waitingAt,
} from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { damage, damageAndStay } from "../support/holders/acts.ts";
import { assertEven, Group } from "../support/shards/group.ts";

const ignore = await lacks("python3");
const noIpv6 = lacksIpv6();
const ADDRESS = "127.0.0.1:0";

/** What a holder does to the socket of one shard. */
const ACTS = [
  "shut down",
  "disconnect",
  "move",
  "attach a filter",
  "lock a filter",
  "change SO_REUSEADDR and SO_REUSEPORT",
] as const;

const CASES = [
  ...ACTS.map((name) => [name, "127.0.0.1"] as const),
  // The kernel lists sockets of the two families in opposite orders.
  ["move", "::1"] as const,
];

for (const [name, address] of CASES) {
  Deno.test(
    `a group of ${address} works and shrinks after a holder of one socket has done this: ${name}`,
    { ignore: ignore || (address === "::1" && noIpv6) },
    async () => {
      await using daemon = await Daemon.start();
      const { sock } = daemon;
      using group = new Group(
        sock,
        address === "::1" ? "[::1]:0" : ADDRESS,
        address,
      );
      await group.bindAll(4);
      const { port } = group;
      const params = { address, port: 0, shard: 1, shards: 4 };
      await damage(sock, params, { name });
      await group.bindAll(4);
      assertEquals(group.port, port);
      assertEven(await group.spread(160));
      await group.bind(0, 3);
      const three = await group.spread(60);
      assertEquals(three[3], 0);
      assertEven(three.slice(0, 3));
      await group.bind(0, 1);
      assertEquals((await group.spread(30)).slice(1), [0, 0, 0]);
      await group.bindAll(4);
      assertEven(await group.spread(160));
    },
  );
}

/** A group of five sockets, of which holders have damaged some. */
async function damagedGroup(
  sock: string,
  damaged: readonly number[],
  name: string,
): Promise<Group> {
  const group = new Group(sock, ADDRESS);
  await group.bindAll(5);
  for (const shard of damaged) {
    const params = { address: "127.0.0.1", port: 0, shard, shards: 5 };
    await damage(sock, params, { name });
  }
  return group;
}

Deno.test(
  "two sockets that holders have shut down come back, and the group grows and shrinks",
  { ignore },
  async () => {
    await using daemon = await Daemon.start();
    using group = await damagedGroup(daemon.sock, [1, 0], "shut down");
    // Neither of the two has its place back, and the place of another is unknown.
    await group.bindAll(5);
    assertEven(await group.spread(200));
    await group.bind(5, 5);
    assertEquals((await group.spread(60))[5], 0);
    await group.bind(5, 6);
    assertEven(await group.spread(240));
  },
);

Deno.test(
  "a prepared socket that its holder damages gets no connection before it is active",
  { ignore },
  async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    for (const name of ["shut down", "attach a filter", "lock a filter"]) {
      using group = new Group(sock, ADDRESS);
      await group.bindAll(2);
      await group.bind(2, 2);
      const params = { address: "127.0.0.1", port: 0, shard: 2, shards: 2 };
      await using _holder = await damageAndStay(sock, params, { name });
      await group.bind(2, 2);
      assertEquals((await group.spread(40))[2], 0);
      await group.bind(2, 3);
      assertEven(await group.spread(120));
      using session = await connect({ sock });
      for (const shard of [2, 1, 0]) await session.release(ADDRESS, { shard });
    }
  },
);

Deno.test(
  "two sockets that holders have shut down and made to listen again get no connections once they are retired",
  { ignore },
  async () => {
    await using daemon = await Daemon.start();
    using group = await damagedGroup(daemon.sock, [3, 1], "move");
    await group.bind(0, 3);
    // A client that meets an inactive socket tries again after a second.
    assertEquals((await group.spread(3)).slice(3), [0, 0]);
    await group.bindAll(5);
    assertEven(await group.spread(200));
  },
);

Deno.test("a released socket that another process still has gets no connection, and the group grows beside it", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using group = new Group(sock, ADDRESS);
  await group.bindAll(4);
  await group.bind(0, 2);
  using released = group.at(2);
  group.forget(2);
  using session = await connect({ sock });
  await session.release(ADDRESS, { shard: 2 });
  const before = waitingAt(released);
  // The last socket may be at its place as soon as it is closed.
  await group.bind(2, 3);
  await group.bind(3, 4);
  assertEven(await group.spread(160));
  assertEquals(waitingAt(released), before);
  released.close();
  await group.bind(4, 4);
  const spread = await group.spread(160);
  assertEquals(spread[4], 0);
  assertEven(spread.slice(0, 4));
});

Deno.test("the sockets of a group are those of its holders after a reload of all workers", async () => {
  await using daemon = await Daemon.start();
  using group = new Group(daemon.sock, ADDRESS);
  await group.bindAll(3);
  const sockets = [0, 1, 2].map((shard) => socketOf(group.at(shard)));
  await group.bindAll(3);
  assertEquals([0, 1, 2].map((shard) => socketOf(group.at(shard))), sockets);
});
