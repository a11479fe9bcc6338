import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { ErrorCode } from "../../protocol.ts";
import { lacksIpv6 } from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { ask, RawConnection, requestText } from "../support/raw_connection.ts";
import { listOf } from "../support/list_release/wire.ts";

Deno.test("list of a daemon without binds is empty", async () => {
  await using daemon = await Daemon.start();
  assertEquals(await listOf(daemon.sock), []);
});

Deno.test({
  name:
    "list has every bind in the order of binding, with its requested options",
  ignore: lacksIpv6(),
  fn: async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    const addresses = ["127.0.0.2:0", "[::1]:0", "127.0.0.1:0", ":0"];
    for (const [index, address] of addresses.entries()) {
      (await bind(address, { sock, backlog: 10 + index })).close();
    }
    const binds = await listOf(sock);
    assertEquals(binds.map(({ address }) => address), addresses);
    assertEquals(binds.map(({ kind }) => kind), addresses.map(() => "tcp"));
    assertEquals(binds.map(({ options }) => options), [
      { backlog: 10 },
      { backlog: 11, v6only: true },
      { backlog: 12 },
      { backlog: 13, v6only: false },
    ]);
  },
});

Deno.test("list has the time of a bind, the number of hand-overs and the last client", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  const before = Date.now();
  for (let count = 0; count < 3; count++) {
    (await bind("127.0.0.1", 0, { sock })).close();
  }
  const [held] = await listOf(sock);
  assert(held !== undefined);
  assertEquals(held.handed_out, 3);
  const { at, ...peer } = held.last_peer!;
  assertEquals(peer, { pid: Deno.pid, uid: Deno.uid(), gid: Deno.gid() });
  const times = [held.bound_at, at].map((text) => new Date(text).getTime());
  assert(before <= times[0]! && times[0]! <= times[1]!, `${times}`);
  assert(times[1]! <= Date.now(), `${times}`);
});

Deno.test("list is the same after a re-exec", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  for (const host of ["127.0.0.2", "127.0.0.1", "127.0.0.3"]) {
    (await bind(host, 0, { sock, backlog: 7 })).close();
  }
  const before = await listOf(sock);
  await daemon.reexec();
  assertEquals(await listOf(sock), before);
});

Deno.test("list takes no params and sends no descriptor", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  (await bind("127.0.0.1", 0, { sock })).close();
  for (const params of [undefined, [], {}]) {
    using connection = RawConnection.open(sock);
    await connection.send(requestText(1, "list", params));
    const line = await connection.next();
    assertEquals(line?.descriptors, []);
    assertEquals(JSON.parse(line!.text).result.length, 1);
  }
  const { error } = await ask(sock, requestText(1, "list", [1]));
  assertEquals(error?.code, ErrorCode.INVALID_PARAMS);
});

Deno.test("list of ten thousand binds is one complete answer", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  const { sock } = daemon;
  const { descriptors } = await daemon.status();
  const count = Math.min(10_000, descriptors.limit - 100);
  {
    using connection = RawConnection.open(sock);
    const batch = 250;
    for (let from = 0; from < count; from += batch) {
      const requests = Array.from(
        { length: Math.min(batch, count - from) },
        (_, index) => {
          const number = from + index;
          const address = `127.4.${number >> 8}.${number & 255}`;
          return requestText(number, "bind", [{ address, port: 0 }]);
        },
      );
      for (const request of requests) {
        await connection.send(request);
        assertEquals((await connection.answer()).result, true);
      }
    }
  }
  assertEquals((await listOf(sock)).length, count);
});
