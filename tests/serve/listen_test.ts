import { assert, assertEquals, assertRejects } from "@std/assert";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { within } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";
import {
  connectTo,
  listeningTcp,
  listeningUnix,
} from "../support/serve/sockets.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function read(conn: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(1024);
  const length = await within(conn.read(bytes), "bytes on a connection");
  return decoder.decode(bytes.subarray(0, length ?? 0));
}

const test = (name: string, action: () => Promise<void>) =>
  Deno.test(`listen: ${name}`, action);

test("accept returns a connection that reads and writes", async () => {
  using socket = listeningTcp();
  using listener = socket.listen();
  assertEquals(listener.addr, socket.addr);
  using client = await connectTo(socket);
  using conn = await listener.accept();
  assertEquals(conn.localAddr, client.remoteAddr);
  assertEquals(conn.remoteAddr, client.localAddr);
  (conn as Deno.TcpConn).setNoDelay();
  (conn as Deno.TcpConn).setKeepAlive();
  await client.write(encoder.encode("ping"));
  assertEquals(await read(conn), "ping");
  assertEquals(await conn.write(encoder.encode("pong")), 4);
  assertEquals(await read(client), "pong");
  // After a half-close, the other direction stays open.
  await client.closeWrite();
  assertEquals(await conn.read(new Uint8Array(1)), null);
  await conn.write(encoder.encode("last"));
  assertEquals(await read(client), "last");
  await conn.closeWrite();
  assertEquals(await client.read(new Uint8Array(1)), null);
});

test("a read returns at most the length of the buffer and leaves the rest", async () => {
  using socket = listeningTcp();
  using listener = socket.listen();
  using client = await connectTo(socket);
  using conn = await listener.accept();
  await client.write(encoder.encode("abcdef"));
  let text = "";
  while (text.length < 6) {
    const bytes = new Uint8Array(2);
    const length = await conn.read(bytes);
    assert(length !== null && length > 0 && length <= 2);
    text += decoder.decode(bytes.subarray(0, length));
  }
  assertEquals(text, "abcdef");
});

test("readable piped to writable echoes a megabyte", async () => {
  using socket = listeningTcp();
  using listener = socket.listen();
  using client = await connectTo(socket);
  const conn = await listener.accept();
  const echoed = conn.readable.pipeTo(conn.writable);
  const bytes = crypto.getRandomValues(new Uint8Array(64 * 1024));
  const sent = (async () => {
    for (let count = 0; count < 16; count++) {
      for (let rest = bytes; rest.length > 0;) {
        rest = rest.subarray(await client.write(rest));
      }
    }
    await client.closeWrite();
  })();
  const received: Uint8Array[] = [];
  while (true) {
    const into = new Uint8Array(64 * 1024);
    const length = await within(client.read(into), "the echo");
    if (length === null) break;
    received.push(into.subarray(0, length));
  }
  await Promise.all([sent, within(echoed, "the end of the echo")]);
  const echo = await new Blob(received as Uint8Array<ArrayBuffer>[]).bytes();
  assertEquals(echo.length, 16 * bytes.length);
  assertEquals(echo.subarray(-bytes.length), bytes);
});

test("iteration yields every connection and ends with close", async () => {
  using socket = listeningTcp();
  const listener = socket.listen();
  const served: string[] = [];
  const serving = (async () => {
    for await (const conn of listener) {
      served.push(await read(conn));
      conn.close();
    }
  })();
  for (const name of ["one", "two", "three"]) {
    using client = await connectTo(socket);
    await client.write(encoder.encode(name));
    assertEquals(await client.read(new Uint8Array(1)), null);
  }
  listener.close();
  await within(serving, "the end of the iteration");
  assertEquals(served, ["one", "two", "three"]);
});

test("close rejects a pending accept and every later one", async () => {
  using socket = listeningTcp();
  const listener = socket.listen();
  const waiting = assertRejects(
    () => listener.accept(),
    Deno.errors.BadResource,
  );
  await new Promise((resolve) => setTimeout(resolve));
  listener.close();
  await within(waiting, "the end of an accept");
  await assertRejects(() => listener.accept(), Deno.errors.BadResource);
});

test("a connection stays in the accept queue until accept is called", async () => {
  using socket = listeningTcp();
  using first = await connectTo(socket);
  {
    using listener = socket.listen();
    using second = await connectTo(socket);
    using one = await listener.accept();
    await one.write(encoder.encode("one"));
    assertEquals(await read(first), "one");
    await second.write(encoder.encode("still here"));
    using next = socket.listen();
    using other = await next.accept();
    assertEquals(await read(other), "still here");
  }
});

test("an unref'd listener still accepts", async () => {
  using socket = listeningTcp();
  using listener = socket.listen();
  const accepted = listener.accept();
  listener.unref();
  using _client = await connectTo(socket);
  const keepAlive = setInterval(() => {}, 1000);
  (await within(accepted, "a connection")).close();
  clearInterval(keepAlive);
  const again = listener.accept();
  listener.ref();
  using _other = await connectTo(socket);
  (await within(again, "another connection")).close();
});

test("accepts on a UNIX socket", async () => {
  await using scratch = await Scratch.make();
  using socket = listeningUnix(scratch.join("echo.sock"));
  using listener = socket.listen();
  assertEquals(listener.addr, socket.addr);
  using client = await connectTo(socket);
  using conn = await listener.accept();
  assertEquals(conn.localAddr, socket.addr);
  await client.write(encoder.encode("ping"));
  assertEquals(await read(conn), "ping");
});

test("leaves no descriptor open", async () => {
  await withoutLeak(async () => {
    using socket = listeningTcp();
    for (let count = 0; count < 5; count++) {
      using listener = socket.listen();
      using _client = await connectTo(socket);
      (await listener.accept()).close();
    }
  });
});
