import { assertEquals } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { Connections } from "../support/bad_clients/connections.ts";
import { Daemon } from "../support/daemon.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const BIND = requestText(1, "bind", [{ address: "127.0.0.1", port: 0 }]);

Deno.test("idle clients do not delay other clients", async () => {
  await using daemon = await Daemon.start();
  using _silent = new Connections(daemon.sock, 200);
  using session = await connect({ sock: daemon.sock });
  using web = await session.bind("127.0.0.1", 0);
  assertEquals(web.addr.transport, "tcp");
  assertEquals((await session.status()).clients, 201);
});

Deno.test("clients with incomplete requests do not delay other clients, and are served once complete", async () => {
  await using daemon = await Daemon.start();
  using halfSent = new Connections(daemon.sock, 50);
  for (const [index, connection] of halfSent.all.entries()) {
    await connection.send(BIND.slice(0, index + 1));
  }
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  assertEquals(web.addr.transport, "tcp");
  for (const [index, connection] of halfSent.all.entries()) {
    await connection.send(BIND.slice(index + 1));
    assertEquals((await connection.answer()).result, true);
  }
});

Deno.test("a client that floods does not delay other clients", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  using flooding = RawConnection.open(daemon.sock);
  const request = requestText(1, "nothing");
  const requests = 20_000;
  const flood = (async () => {
    for (let sent = 0; sent < requests; sent += 100) {
      await flooding.send(request.repeat(100));
      await flooding.answers(100);
    }
  })();
  let served = 0;
  const others = (async () => {
    for (; served < 100; served++) {
      (await bind("127.0.0.2", 0, { sock: daemon.sock })).close();
    }
  })();
  await Promise.all([flood, others]);
  assertEquals(served, 100);
});

Deno.test("clients that disconnect within a request leak nothing", async () => {
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  for (let cut = 0; cut < BIND.length; cut++) {
    using connection = RawConnection.open(daemon.sock);
    await connection.send(BIND.slice(0, cut));
  }
  await assertOpen(daemon.pid, before);
});

Deno.test("clients that disconnect before they read the answer leak nothing", async () => {
  await using daemon = await Daemon.start();
  using _web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const before = await openIn(daemon.pid);
  const byName = requestText(1, "bind", [{ address: "localhost", port: 0 }]);
  for (const request of [BIND, byName, `[${BIND},${byName}]`]) {
    for (let count = 0; count < 100; count++) {
      using connection = RawConnection.open(daemon.sock);
      await connection.send(request.repeat(1 + count % 5));
    }
  }
  await assertOpen(daemon.pid, before);
  assertEquals((await daemon.status()).binds, 1);
});
