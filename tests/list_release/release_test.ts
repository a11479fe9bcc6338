import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { bind } from "../../client.ts";
import { ErrorCode } from "../../protocol.ts";
import {
  lacksIpv6,
  socketOf,
  tcpAddress,
} from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { loopbackHost } from "../support/loopback.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { ask, RawConnection, requestText } from "../support/raw_connection.ts";
import { listOf, release } from "../support/list_release/wire.ts";

const RELEASED = { jsonrpc: "2.0", id: "r", result: true } as const;

Deno.test("release closes the daemon's copy: without another holder the port is free", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  const before = await openIn(daemon.pid);
  // No other program gets its port.
  const host = loopbackHost();
  const web = await bind(host, 0, { sock });
  const address = tcpAddress(web);
  web.close();
  await assertOpen(daemon.pid, before, 1);
  const params = { address: host, port: 0 };
  assertEquals(await release(sock, params), RELEASED);
  await assertRejects(
    () => Deno.connect(address),
    Deno.errors.ConnectionRefused,
  );
  Deno.listen(address).close();
  assertEquals(await listOf(sock), []);
  await assertOpen(daemon.pid, before);
});

Deno.test("a client keeps its copy of a socket after a release", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using web = await bind("127.0.0.1", 0, { sock });
  await release(sock, { address: "127.0.0.1", port: 0 });
  (await Deno.connect(tcpAddress(web))).close();
  using other = await bind("127.0.0.1", 0, { sock });
  assert(socketOf(other) !== socketOf(web));
});

Deno.test("release of an address that is not bound is answered 10004 with the address", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  (await bind("127.0.0.1", 0, { sock })).close();
  const unbound = [
    { address: "127.0.0.1", port: 1 },
    { address: "127.0.0.2", port: 0 },
    { address: "::1", port: 0 },
    { address: "::", port: 0, v6only: false },
  ];
  for (const params of unbound) {
    const { error, result } = await release(sock, params);
    assertEquals(result, undefined);
    assertEquals(error?.code, ErrorCode.NO_SUCH_BIND);
    assertStringIncludes(error?.message ?? "", `:${params.port}`);
  }
  assertEquals((await listOf(sock)).length, 1);
});

Deno.test("a second release is answered 10004", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  (await bind("127.0.0.1", 0, { sock })).close();
  const params = { address: "127.0.0.1", port: 0 };
  assertEquals(await release(sock, params), RELEASED);
  const { error } = await release(sock, params);
  assertEquals(error?.code, ErrorCode.NO_SUCH_BIND);
});

/** A bind, and another spelling of its address. */
const SPELLINGS: [string, string][] = [
  ["::1", "0:0:0:0:0:0:0:1"],
  ["::1", "::0001"],
  ["0:0::1", "::1"],
  ["::ffff:127.0.0.1", "::ffff:7f00:1"],
];

for (const [bound, released] of SPELLINGS) {
  Deno.test({
    name: `${bound} is released as ${released}`,
    ignore: lacksIpv6(),
    fn: async () => {
      await using daemon = await Daemon.start();
      const { sock } = daemon;
      const params = { port: 0, v6only: !bound.startsWith("::ffff") };
      const { error } = await ask(
        sock,
        requestText(1, "bind", [{ ...params, address: bound }]),
      );
      assertEquals(error, undefined);
      const answer = await release(sock, { ...params, address: released });
      assertEquals(answer, RELEASED);
      assertEquals(await listOf(sock), []);
    },
  });
}

Deno.test("a bind of an address is released by its host name", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  (await bind("127.0.0.1", 0, { sock })).close();
  const params = { address: "localhost", port: 0 };
  assertEquals(await release(sock, params), RELEASED);
  assertEquals(await listOf(sock), []);
});

Deno.test("invalid params of release are answered -32602", async () => {
  await using daemon = await Daemon.start();
  for (
    const params of [undefined, [], [{}], [{ address: 1, port: 1 }], [
      { address: "127.0.0.1", port: 70000 },
    ], [{ address: "127.0.0.1", port: 1, colour: "red" }]]
  ) {
    const request = requestText(1, "release", params);
    const { error } = await ask(daemon.sock, request);
    assertEquals(error?.code, ErrorCode.INVALID_PARAMS, request);
  }
});

Deno.test("bind, list and release in one batch are answered in order", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const params = [{ address: "127.0.0.1", port: 0 }];
  const requests = [
    requestText(1, "bind", params),
    requestText(2, "release", params),
    requestText(3, "list"),
  ];
  await connection.send(`[${requests.join()}]`);
  const line = await connection.next();
  assertEquals(line?.descriptors.length, 1);
  assertEquals(
    JSON.parse(line!.text).map((
      { id, result }: { id: number; result: unknown },
    ) => [id, result]),
    [[1, true], [2, true], [3, []]],
  );
});

Deno.test("a release is logged with its client", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  (await bind("127.0.0.1", 0, { sock })).close();
  await release(sock, { address: "127.0.0.1", port: 0 });
  const line = await daemon.program.errors.next("INFO release");
  assert(line.includes("address=127.0.0.1:0"), line);
  assert(line.includes(`pid=${Deno.pid} uid=${Deno.uid()}`), line);
});
