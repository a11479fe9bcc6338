import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program, within } from "../support/program.ts";
import { libcPath, Scratch, treePath } from "../support/tree.ts";
import { selfSigned } from "../support/serve/certificate.ts";
import { get, HttpConnection } from "../support/serve/http_connection.ts";
import {
  connectTo,
  listeningTcp,
  listeningUnix,
  urlOf,
} from "../support/serve/sockets.ts";

const noOpenssl = await lacks("openssl");

const test = (name: string, action: () => Promise<void>) =>
  Deno.test(`serve: ${name}`, action);

test("answers with what the handler returns", async () => {
  using web = listeningTcp();
  await using _server = web.serve(
    (request) =>
      new Response(`${request.method} ${new URL(request.url).pathname}`, {
        status: 418,
        headers: [["x-one", "1"], ["set-cookie", "a=1"], [
          "set-cookie",
          "b=2",
        ]],
      }),
  );
  const { head, body } = await get(web, "/path?query");
  assertMatch(head, /^HTTP\/1.1 418 /);
  assertMatch(head, /^x-one: 1$/im);
  assertMatch(head, /^set-cookie: a=1$/im);
  assertMatch(head, /^set-cookie: b=2$/im);
  assertEquals(body, "GET /path");
});

test("the request has the URL, headers and body of the client", async () => {
  using web = listeningTcp();
  await using _server = web.serve(async (request) =>
    Response.json({
      url: request.url,
      header: request.headers.get("x-header"),
      body: await request.text(),
    })
  );
  const response = await fetch(`${urlOf(web)}a//b?c=d`, {
    method: "PUT",
    headers: { "x-header": "value" },
    body: "ü".repeat(100_000),
  });
  assertEquals(await response.json(), {
    url: `${urlOf(web)}a//b?c=d`,
    header: "value",
    body: "ü".repeat(100_000),
  });
});

test("a path that begins with // stays a path", async () => {
  using web = listeningTcp();
  await using _server = web.serve(({ url }) => new Response(url));
  assertEquals((await get(web, "//other/x")).body, "http://test//other/x");
});

test("serves on an IPv6 socket", async () => {
  using web = listeningTcp("::1");
  await using server = web.serve(
    (_, { remoteAddr }) => Response.json(remoteAddr),
  );
  assertEquals(server.addr, web.addr);
  using connection = await HttpConnection.open(web);
  await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.until("{");
  const addr = JSON.parse(`{${await connection.until("}")}`);
  assertEquals(addr, connection.localAddr);
});

test("serves on a UNIX socket, whose address is remoteAddr", async () => {
  await using scratch = await Scratch.make();
  using web = listeningUnix(scratch.join("web.sock"));
  await using server = web.serve(
    (_, { remoteAddr }) => Response.json(remoteAddr),
  );
  assertEquals(server.addr, web.addr);
  assertEquals(JSON.parse((await get(web)).body), web.addr);
});

test("info.remoteAddr is the address of the client", async () => {
  using web = listeningTcp();
  await using _server = web.serve(
    (_, { remoteAddr }) => Response.json(remoteAddr),
  );
  using connection = await HttpConnection.open(web);
  await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.until("{");
  const addr = JSON.parse(`{${await connection.until("}")}`);
  assertEquals(addr, connection.localAddr);
});

test("request and response stream at the same time", async () => {
  using web = listeningTcp();
  await using _server = web.serve((request) =>
    new Response(
      request.body!.pipeThrough(new TextDecoderStream()).pipeThrough(
        new TransformStream({
          transform: (text, controller) =>
            controller.enqueue(text.toUpperCase()),
        }),
      ).pipeThrough(new TextEncoderStream()),
    )
  );
  using connection = await HttpConnection.open(web);
  await connection.send(
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
  );
  for (const word of ["one", "two", "three"]) {
    await connection.sendChunk(word);
    await connection.until(word.toUpperCase());
  }
  await connection.sendChunk("");
  assertStringIncludes(await connection.rest(), "0\r\n\r\n");
});

test("the head of a streamed response arrives before its first chunk", async () => {
  using web = listeningTcp();
  const { promise, resolve } = Promise.withResolvers<void>();
  await using _server = web.serve(() =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await promise;
          controller.enqueue(new TextEncoder().encode("late"));
          controller.close();
        },
      }),
    )
  );
  using connection = await HttpConnection.open(web);
  await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  assertMatch(await connection.until("\r\n\r\n"), /^HTTP\/1.1 200 /);
  resolve();
  await connection.until("late");
});

test("a client that disconnects cancels the stream of its response", async () => {
  using web = listeningTcp();
  const cancelled = Promise.withResolvers<void>();
  await using _server = web.serve(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
        cancel: () => cancelled.resolve(),
      }),
    )
  );
  {
    using connection = await HttpConnection.open(web);
    await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await connection.until("\r\n\r\n");
  }
  await within(cancelled.promise, "the stream is cancelled");
});

test("a client that disconnects aborts the signal of its request", async () => {
  using web = listeningTcp();
  const aborted = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  await using _server = web.serve(async (request) => {
    request.signal.addEventListener("abort", () => aborted.resolve());
    began.resolve();
    await aborted.promise;
    return new Response();
  });
  {
    using connection = await HttpConnection.open(web);
    await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await within(began.promise, "a request");
  }
  await within(aborted.promise, "the signal aborts");
});

test("a connection serves one request after another", async () => {
  using web = listeningTcp();
  let count = 0;
  await using _server = web.serve(async (request) => {
    const { length } = await request.text();
    return new Response(`no ${++count} of ${length}.`);
  });
  using connection = await HttpConnection.open(web);
  const body = "x".repeat(10_000);
  for (const number of [1, 2, 3]) {
    await connection.send(
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await connection.until(`no ${number} of ${body.length}.`);
  }
});

test("a response to HEAD has no body", async () => {
  using web = listeningTcp();
  await using _server = web.serve(
    () => new Response("body", { headers: { "x-one": "1" } }),
  );
  using connection = await HttpConnection.open(web);
  await connection.send(
    "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  );
  const text = await connection.rest();
  assertMatch(text, /^x-one: 1$/im);
  assert(text.endsWith("\r\n\r\n"));
});

test("onError makes the response if the handler throws", async () => {
  using web = listeningTcp();
  await using _server = web.serve(() => {
    throw new Error("in the handler");
  }, {
    onError: (error) => new Response((error as Error).message, { status: 503 }),
  });
  const { head, body } = await get(web);
  assertMatch(head, /^HTTP\/1.1 503 /);
  assertEquals(body, "in the handler");
});

test("onListen is called once, before serve returns, with the address of the socket", async () => {
  using web = listeningTcp();
  const addresses: Deno.Addr[] = [];
  await using server = web.serve(() => new Response(), {
    onListen: (addr) => addresses.push(addr),
  });
  assertEquals(addresses, [web.addr]);
  assertEquals(server.addr, web.addr);
});

test("shutdown answers requests in progress and no later ones", async () => {
  using web = listeningTcp();
  const began = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const server = web.serve(async () => {
    began.resolve();
    await finish.promise;
    return new Response("slow answer");
  });
  const slow = get(web);
  await within(began.promise, "a request");
  const ended = server.shutdown();
  using late = await HttpConnection.open(web);
  await late.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  finish.resolve();
  assertEquals((await slow).body, "slow answer");
  await within(ended, "the shutdown");
  await within(server.finished, "the end of the server");
  // The connection waits in the accept queue for the next server.
  await using _next = web.serve(() => new Response("the next server"));
  assertStringIncludes(await late.rest(), "the next server");
});

test("shutdown closes idle connections", async () => {
  using web = listeningTcp();
  const server = web.serve(() => new Response("once."));
  using connection = await HttpConnection.open(web);
  await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.until("once.");
  await within(server.shutdown(), "the shutdown");
  await connection.rest();
});

test("shutdown answers the first request of a connection that was accepted before it", async () => {
  using web = listeningTcp();
  const server = web.serve(() => new Response("answered."));
  using connection = await HttpConnection.open(web);
  // Connections are accepted in order: this one before the next one is answered.
  await get(web);
  const ended = server.shutdown();
  await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await connection.until("answered.");
  await within(ended, "the shutdown");
});

test("an aborted signal ends the server and cuts off requests", async () => {
  using web = listeningTcp();
  const began = Promise.withResolvers<void>();
  const stop = new AbortController();
  const server = web.serve(() => {
    began.resolve();
    return new Promise<Response>(() => {});
  }, { signal: stop.signal });
  using connection = await HttpConnection.open(web);
  await connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await within(began.promise, "a request");
  stop.abort();
  await within(server.finished, "the end of the server");
  await connection.rest().catch(() => {});
  assertThrows(() => web.serve(() => new Response(), { signal: stop.signal }));
});

test("the server closes only its own duplicate", async () => {
  await withoutLeak(async () => {
    const web = listeningTcp();
    const other = web.dup();
    const server = web.serve(() => new Response("hello"));
    const address = { addr: web.addr } as typeof web;
    web.close();
    assertEquals((await get(address)).body, "hello");
    await server.shutdown();
    // The socket still works for its other holders.
    const { Binding } = await import("../../client.ts");
    using again = Binding.from(other);
    await using _server = again.serve(() => new Response("again"));
    assertEquals((await get(again)).body, "again");
  });
});

test("ten servers in a row on a socket leave no descriptor open", async () => {
  await withoutLeak(async () => {
    using web = listeningTcp();
    for (let count = 0; count < 10; count++) {
      await using _server = web.serve(() => new Response("hello"));
      assertEquals((await get(web)).body, "hello");
    }
  });
});

test("an unref'd server and listener let their program end", async () => {
  await using program = Program.start(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--allow-ffi=${libcPath}`,
      "--allow-net=127.0.0.1",
      treePath("tests/support/serve/unreferenced.ts"),
    ],
  });
  const { code, errors } = await program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
});

Deno.test({
  name: "serve: TLS, with HTTP/1.1 and HTTP/2",
  ignore: noOpenssl,
  async fn() {
    const { cert, key } = await selfSigned();
    using web = listeningTcp();
    const { port } = web.addr as Deno.NetAddr;
    await using _server = web.serve(
      async (request) => new Response(`${request.url} ${await request.text()}`),
      { cert, key },
    );
    for (const protocol of ["http/1.1", "h2"]) {
      const conn = await Deno.connectTls({
        hostname: "localhost",
        port,
        caCerts: [cert],
        alpnProtocols: [protocol],
      });
      const { alpnProtocol } = await conn.handshake();
      assertEquals(alpnProtocol, protocol);
      conn.close();
    }
    for (const http2 of [false, true]) {
      using client = Deno.createHttpClient({
        caCerts: [cert],
        http1: !http2,
        http2,
      });
      const url = `https://localhost:${port}/secret`;
      const response = await fetch(url, {
        client,
        method: "POST",
        body: "over TLS",
      });
      assertEquals(await response.text(), `${url} over TLS`);
    }
  },
});

test("TLS needs both cert and key", () => {
  using web = listeningTcp();
  assertThrows(
    () => web.serve(() => new Response(), { cert: "only" }),
    TypeError,
    "both cert and key",
  );
  return Promise.resolve();
});

test("a closed Binding cannot be served", () => {
  const web = listeningTcp();
  web.close();
  assertThrows(() => web.serve(() => new Response()), TypeError, "closed");
  return Promise.resolve();
});

test("Deno.upgradeWebSocket makes a WebSocket of the connection", async () => {
  using web = listeningTcp();
  await using _server = web.serve((request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send(`echo ${data}`);
    return response;
  });
  const socket = new WebSocket(urlOf(web, "ws"));
  const message = new Promise<string>((resolve, reject) => {
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = reject;
  });
  const closed = new Promise((resolve) => socket.onclose = resolve);
  assertEquals(await within(message, "an echo"), "echo hello");
  socket.close();
  await within(closed, "the end of the WebSocket");
});

test("a request to upgrade to an unknown protocol is answered as usual", async () => {
  using web = listeningTcp();
  await using _server = web.serve(() => new Response("as it is"));
  using connection = await HttpConnection.open(web);
  await connection.send(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
  );
  await connection.until("as it is");
});

test("connections that already wait in the accept queue are served", async () => {
  using web = listeningTcp();
  using early = await HttpConnection.open(web);
  await early.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await using _server = web.serve(() => new Response("at last"));
  assertStringIncludes(await early.rest(), "at last");
});
Deno.test("a client of the temporary listener is reset, and the shared socket serves", async () => {
  const { serve } = await import("../../client/binding/serve.ts");
  const { STEPS } = await import("../../ffi/sockets/adopt.ts");
  const { streamSocket, tryConnect } = await import(
    "../../ffi/sockets/socket.ts"
  );
  using web = listeningTcp();
  let stranger: ReturnType<typeof streamSocket> | undefined;
  await using _server = serve(web, () => new Response("hello"), {}, {
    ...STEPS,
    keep(adoption, undo) {
      // Connects between Deno.serve and the replacement.
      stranger = streamSocket(adoption.reported);
      assertEquals(tryConnect(stranger.fd, adoption.reported), 0);
      STEPS.keep(adoption, undo);
    },
  });
  for (let count = 0; count < 10; count++) {
    assertEquals((await get(web)).body, "hello");
  }
  stranger?.close();
});

Deno.test("two servers accept from one queue", async () => {
  using web = listeningTcp();
  await using _one = web.serve(() => new Response("hello"));
  await using _other = web.serve(() => new Response("hello"));
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => get(web)),
  );
  assert(answers.every(({ body }) => body === "hello"));
  (await connectTo(web)).close();
});
