import { assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { eventually } from "../support/eventually.ts";
import { assertEven, Group } from "../support/shards/group.ts";
import { lacksSystemd } from "../support/systemd/machine.ts";
import { Service } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };

Deno.test(
  "kill -9 of the daemon keeps a group, its queues and which sockets get connections",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    using group = new Group(sock, "127.0.0.1:0");
    await group.bindAll(4);
    const sockets = [0, 1, 2, 3].map((shard) => socketOf(group.at(shard)));
    await group.connect(40);
    await group.bind(0, 3);
    const waiting = group.waiting();
    for (let kill = 0; kill < 3; kill++) {
      await service.kill();
      using session = await connect({ sock });
      const listed = await session.list();
      assertEquals(
        listed.map(({ options: { shard, shards }, waiting }) => [
          shard,
          shards,
          waiting,
        ]).sort(),
        waiting.map((queue, shard) => [shard, 3, queue]),
      );
      // A worker that starts again asks for its socket.
      await group.bind(1, 3);
    }
    const spread = await group.spread(90);
    assertEquals(spread[3], 0);
    assertEven(spread.slice(0, 3));
    await group.bindAll(4);
    assertEven(await group.spread(160));
    assertEquals(
      [0, 1, 2, 3].map((shard) => socketOf(group.at(shard))),
      sockets,
    );
  },
);

Deno.test(
  "a released shard leaves the descriptor store, and the group grows again",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    using group = new Group(sock, "127.0.0.1:0");
    await group.bindAll(3);
    for (let round = 0; round < 3; round++) {
      await group.bind(0, 2);
      group.close(2);
      using session = await connect({ sock });
      await session.release("127.0.0.1:0", { shard: 2 });
      // The control socket and two shards.
      await eventually(
        "the service manager has closed its copy",
        async () => await service.property("NFileDescriptorStore") === "3",
      );
      assertEven(await group.spread(40));
      await group.bind(2, 2);
      assertEquals((await group.spread(40))[2], 0);
      await group.bind(2, 3);
      assertEven(await group.spread(90));
    }
  },
);
