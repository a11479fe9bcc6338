import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { bind, BindError, bindShards, connect } from "../../client.ts";
import type { Descriptor } from "../../ffi/files/descriptor.ts";
import { abi } from "../../ffi/libc/abi.ts";
import {
  bindSocket,
  listenOn,
  newSocket,
  setOption,
} from "../../ffi/sockets/socket.ts";
import { ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Group } from "../support/shards/group.ts";
import {
  granted,
  rawList,
  rawRelease,
  refused,
} from "../support/socket_kinds/raw_bind.ts";

/** A socket that another program could have. */
function otherProgramAt(port: number, reusePort: boolean): Descriptor {
  const address = { family: "ipv4", host: "127.0.0.1", port } as const;
  const socket = newSocket(address, "stream");
  const { SOL_SOCKET, SO_REUSEPORT } = abi;
  const value = reusePort ? 1 : 0;
  setOption(socket.fd, SOL_SOCKET, SO_REUSEPORT, value, "SO_REUSEPORT");
  bindSocket(socket.fd, address);
  listenOn(socket.fd, 16);
  return socket;
}

const WEB = { address: "127.0.0.1", port: 0 };

Deno.test("wrong shards are refused by name", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const wrong: [params: Record<string, unknown>, message: string][] = [
    [{ ...WEB, shard: 1 }, "shard: shards is missing"],
    [{ ...WEB, shards: 2 }, "shards: shard is missing"],
    [{ ...WEB, shard: 64, shards: 64 }, "shard: expected a whole number"],
    [{ ...WEB, shard: 0, shards: 0 }, "shards: expected a whole number"],
    [{ ...WEB, shard: 0, shards: 65 }, "shards: expected a whole number"],
    [{ ...WEB, shard: "0", shards: 2 }, "shard: expected a whole number"],
    [{ path: "@x", shard: 0, shards: 2 }, "option shard is for tcp, udp"],
    [
      { path: "/run/x", kind: "seqpacket", shard: 0, shards: 2 },
      "option shard is for tcp, udp, not for seqpacket",
    ],
  ];
  for (const [params, message] of wrong) {
    const error = await refused(connection, params);
    assertEquals(error.code, ErrorCode.INVALID_PARAMS);
    assertStringIncludes(error.message, message);
  }
  assertEquals(await rawList(connection), []);
});

for (const reusePort of [false, true]) {
  Deno.test(
    `an address that another program has is in use for every shard, also if that program shares it: ${reusePort}`,
    async () => {
      await using daemon = await Daemon.start();
      using own = OwnPort.take();
      const port = own.number;
      using _other = otherProgramAt(port, reusePort);
      using connection = RawConnection.open(daemon.sock);
      for (const shard of [0, 1]) {
        const params = { ...WEB, port, shard, shards: 2 };
        const { data } = await refused(connection, params);
        assertEquals((data as { code: string }).code, "EADDRINUSE");
      }
      assertEquals(await rawList(connection), []);
    },
  );
}

Deno.test("bindShards gets all sockets or none, and leaves the group as it was", async () => {
  await using daemon = await Daemon.start({ args: ["--max-binds", "3"] });
  const { sock } = daemon;
  using group = new Group(sock, "127.0.0.1:0");
  await group.bindAll(2);
  const error = await assertRejects(
    () => bindShards("127.0.0.1:0", 4, { sock }),
    BindError,
  );
  assertEquals(error.code, ErrorCode.LIMIT_REACHED);
  using session = await connect({ sock });
  const listed = await session.list();
  assertEquals(
    listed.map(({ options: { shard, shards } }) => [shard, shards]),
    [[0, 2], [1, 2]],
  );
});

Deno.test("bindShards refuses a number that is not 1 to 64", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  for (const shards of [0, -1, 65, 1.5]) {
    await assertRejects(() => bindShards("127.0.0.1:0", shards, { sock }));
  }
  assertEquals((await daemon.status()).binds, 0);
});

Deno.test("release takes a shard by its number, and says which one it does not have", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const shard of [0, 1, 2]) {
    await granted(connection, { ...WEB, shard, shards: 3 });
  }
  await rawRelease(connection, { ...WEB, shard: 2 });
  using session = await daemon.session();
  const error = await assertRejects(
    () => session.release("127.0.0.1:0", { shard: 2 }),
    BindError,
  );
  assertEquals(error.code, ErrorCode.NO_SUCH_BIND);
  assertStringIncludes(error.message, "shard 2");
  await session.release("127.0.0.1:0");
  const [left, ...others] = await rawList(connection);
  assertEquals([left?.options.shard, others], [1, []]);
});

Deno.test("a shard that is the first of its group is an address of its own", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using one = await bind("127.0.0.1:0", { sock, shard: 1, shards: 2 });
  using zero = await bind("127.0.0.1:0", { sock });
  assertEquals(zero.addr, one.addr);
  assertEquals((await daemon.status()).binds, 2);
});
