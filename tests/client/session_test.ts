import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { BindError, connect, TimeoutError } from "../../client.ts";
import { VERSION } from "../../version.ts";
import { Daemon } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { PATIENCE } from "../support/eventually.ts";
import { Scratch } from "../support/tree.ts";
import { FakeServer } from "../support/client/fake_server.ts";

Deno.test("concurrent binds each get their own socket", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  const hosts = Array.from(
    { length: 30 },
    (_, index) => `127.0.0.${index + 1}`,
  );
  const order: string[] = [];
  const bindings = await Promise.all(hosts.map(async (host) => {
    const binding = await session.bind(host, 0);
    order.push(host);
    return binding;
  }));
  using all = new DisposableStack();
  for (const binding of bindings) all.use(binding);
  const bound = bindings.map(({ addr }) => (addr as Deno.NetAddr).hostname);
  assertEquals(bound, hosts);
  assertEquals(order, hosts);
  assertEquals((await session.status()).clients, 1);
});

Deno.test("status() has the properties of the daemon and its use of limits", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  (await session.bind("127.0.0.1", 0)).close();
  const status = await session.status();
  assertEquals(
    {
      version: status.version,
      pid: status.pid,
      deno: status.deno,
      generation: status.generation,
      control_socket: status.control_socket,
      binds: status.binds,
      clients: status.clients,
    },
    {
      version: VERSION,
      pid: daemon.pid,
      deno: Deno.version.deno,
      generation: 1,
      control_socket: daemon.sock,
      binds: 1,
      clients: 1,
    },
  );
  assert(status.descriptors.open < status.descriptors.limit);
  assert(new Date(status.started_at) <= new Date());
});

Deno.test("a call after a restart of the daemon connects again", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using first = await Daemon.start({ sock });
  using session = await connect({ sock });
  using before = await session.bind("127.0.0.1", 0);
  first.program.signal("SIGKILL");
  await first.program.end();
  await using second = await Daemon.start({ sock });
  using after = await session.bind("127.0.0.2", 0);
  assertEquals((await session.status()).pid, second.pid);
  assert(before.fd !== after.fd);
});

Deno.test("a call waits for a daemon that does not run", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using first = await Daemon.start({ sock });
  using session = await connect({ sock, timeout: PATIENCE });
  await session.status();
  await first.stop();
  const waiting = session.status();
  await using second = await Daemon.start({ sock });
  assertEquals((await waiting).pid, second.pid);
});

Deno.test("a session keeps its connection after an error answer", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  await assertRejects(() => session.bind(":0", { backlog: -1 }), BindError);
  using web = await session.bind(":0");
  assertEquals(web.addr.transport, "tcp");
});

Deno.test("a session stays usable after a timeout, and drops the late answer", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await withoutLeak(async () => {
    await using _server = new FakeServer(sock, async (connection, number) => {
      for (let request; (request = await connection.request());) {
        if (number === 0) continue;
        const { id } = request;
        connection.send(JSON.stringify({ id, result: { pid: number } }));
      }
    });
    using session = await connect({ sock });
    await assertRejects(() => session.status({ timeout: 30 }), TimeoutError);
    assertEquals((await session.status()).pid, 1);
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    const caught = await session.status({ signal }).catch((error) => error);
    assertStrictEquals(caught, reason);
    assert((await session.status()).pid >= 1);
  });
});

Deno.test("close() lets calls in progress finish and rejects later ones", async () => {
  await using daemon = await Daemon.start();
  await withoutLeak(async () => {
    const session = await connect({ sock: daemon.sock });
    const underWay = session.bind("127.0.0.1", 0);
    await Promise.resolve();
    session.close();
    session.close();
    await assertRejects(() => session.bind(":0"), TypeError, "closed");
    (await underWay).close();
  });
});
