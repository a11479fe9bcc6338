import { assert, assertEquals, assertExists } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { isListening } from "../../ffi/sockets/socket.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

function bindRequest(id: string | number, address: string): string {
  return requestText(id, "bind", [{ address, port: 0 }]);
}

/** Asserts that the next answer is a success with one listening socket. */
async function assertBound(
  client: RawConnection,
  id: string | number,
): Promise<void> {
  const line = await client.next();
  assertExists(line);
  assertEquals(JSON.parse(line.text), { jsonrpc: "2.0", id, result: true });
  assertEquals(line.descriptors.length, 1);
  assert(isListening(line.descriptors[0]!));
}

/** Asserts that no other answer precedes the answer to the next request. */
async function assertNoneLeft(client: RawConnection): Promise<void> {
  await client.send(requestText("probe", "none"));
  assertEquals((await client.answer()).id, "probe");
}

Deno.test("clients that connect during a re-exec wait and are answered", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  let listening = false;
  const next = daemon.reexec().then(() => listening = true);
  // The old generation answers until the new version is checked.
  while (!listening) {
    const clients = Array.from({ length: 50 }, () => RawConnection.open(sock));
    for (const [index, client] of clients.entries()) {
      await client.send(bindRequest(index, "127.0.0.1"));
    }
    for (const [index, client] of clients.entries()) {
      await assertBound(client, index);
      client[Symbol.dispose]();
    }
  }
  await next;
  assertEquals((await daemon.status()).generation, 2);
});

Deno.test("a session survives a re-exec", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  using before = await session.bind("127.0.0.1", 0);
  await daemon.reexec();
  const status = await session.status();
  assertEquals([status.generation, status.clients], [2, 1]);
  using after = await session.bind("127.0.0.1", 0);
  assertEquals(after.addr, before.addr);
});

Deno.test("a request that a re-exec interrupts at any byte is answered once", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  const request = bindRequest("ü]}", "127.0.0.1");
  const clients = Array.from(
    request,
    (_, cut) => ({ cut, client: RawConnection.open(daemon.sock) }),
  );
  for (const { cut, client } of clients) {
    await client.send(request.slice(0, cut));
  }
  assertEquals((await daemon.status()).clients, clients.length + 1);
  await daemon.reexec();
  assertEquals((await daemon.status()).clients, clients.length + 1);
  for (const { cut, client } of clients) {
    await client.send(request.slice(cut));
    await assertBound(client, "ü]}");
    await assertNoneLeft(client);
    client[Symbol.dispose]();
  }
});

Deno.test("a multi-byte character that a re-exec interrupts is read correctly", async () => {
  await using daemon = await Daemon.start();
  using client = RawConnection.open(daemon.sock);
  const bytes = new TextEncoder().encode(bindRequest("ü", "127.0.0.1"));
  const cut = bytes.indexOf(0xc3) + 1;
  await client.send(bytes.slice(0, cut));
  assertEquals((await daemon.status()).clients, 2);
  await daemon.reexec();
  await client.send(bytes.slice(cut));
  await assertBound(client, "ü");
});

Deno.test("a request that waits for a name during a re-exec is answered once", async () => {
  await using daemon = await Daemon.start();
  const clients = Array.from(
    { length: 20 },
    () => RawConnection.open(daemon.sock),
  );
  for (const client of clients) {
    await client.send(bindRequest("name", "localhost"));
  }
  await daemon.reexec();
  for (const client of clients) {
    await assertBound(client, "name");
    await assertNoneLeft(client);
    client[Symbol.dispose]();
  }
});

Deno.test("unread answers arrive after a re-exec, with their sockets", async () => {
  // More than the kernel's buffer holds, fewer than the daemon's limit.
  const count = 1000;
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  using client = RawConnection.open(daemon.sock);
  for (let id = 0; id < count; id++) {
    const last = id === count - 1;
    await client.send(bindRequest(id, last ? "127.0.0.2" : "127.0.0.1"));
  }
  await eventually(
    "every request is performed",
    async () => (await daemon.status()).binds === 2,
  );
  await daemon.reexec();
  for (let id = 0; id < count; id++) {
    await assertBound(client, id);
  }
});

Deno.test("requests of a client that has shut down its side are answered after a re-exec", async () => {
  await using daemon = await Daemon.start();
  using client = RawConnection.open(daemon.sock);
  daemon.program.signal("SIGUSR1");
  await client.send(bindRequest(1, "127.0.0.1"));
  client.endWriting();
  await daemon.listening();
  await assertBound(client, 1);
});

Deno.test("a client that disconnects during a re-exec is dropped", async () => {
  await using daemon = await Daemon.start();
  const client = RawConnection.open(daemon.sock);
  await client.send("{");
  assertEquals((await daemon.status()).clients, 2);
  daemon.program.signal("SIGUSR1");
  client[Symbol.dispose]();
  await daemon.listening();
  await eventually(
    "only the asking client is left",
    async () => (await daemon.status()).clients === 1,
  );
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
});
