import http2 from "node:http2";
import { assertEquals, assertMatch } from "@std/assert";
import { Activated, ask, portAt } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { descriptorsOf } from "../support/process_state.ts";

const START = `
  import http from "node:http";
  import net from "node:net";
  import process from "node:process";
  const [port, path] = Deno.args;
  const listening = () => console.log("listening");
  /** Waits until the test creates the file. */
  async function permission() {
    console.log("request");
    while (!await Deno.stat(path).catch(() => false)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const respond = async (_, response) => response.end(await permission() ?? "hello");
  const greet = async (socket) => socket.end(await permission() ?? "hello");
  const handler = async () => new Response(await permission() ?? "hello");
  const options = { hostname: "127.0.0.1", port: Number(port), onListen: listening };
`;

/** Servers that answer once they have permission. */
const SERVERS: Readonly<Record<string, string>> = {
  "Deno.serve": "Deno.serve(options, handler);",
  "node:http":
    "http.createServer(respond).listen(port, '127.0.0.1', listening);",
  "node:net": "net.createServer(greet).listen(port, '127.0.0.1', listening);",
  "Deno.listen": `
    const listener = Deno.listen(options);
    listening();
    for await (const connection of listener) answer(connection);
    async function answer(connection) {
      await permission();
      await connection.write(new TextEncoder().encode("hello"));
      connection.close();
    }`,
};

const encoder = new TextEncoder();
const REQUEST = encoder.encode("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
const LAST_REQUEST = encoder.encode(
  "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
);

/** A program on a passed socket, and the file that it waits for. */
async function serving(daemon: Daemon, source: string) {
  const port = await portAt(daemon, "127.0.0.1:0");
  const path = daemon.scratch.join("permission");
  const service = await Activated.listening(START + source, {
    passed: "127.0.0.1:0",
    from: daemon,
    args: [String(port), path],
  });
  return { port, path, service };
}

for (const [name, source] of Object.entries(SERVERS)) {
  Deno.test(`${name}: SIGTERM lets a request finish, leaves later connections in the queue and ends with exit code 0`, async () => {
    await using daemon = await Daemon.start();
    const { port, path, service } = await serving(daemon, source);
    await using program = service;
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(REQUEST);
    await program.program.output.next("request");
    program.program.signal("SIGTERM");
    await Deno.writeTextFile(path, "");
    const text = await new Response(connection.readable).text();
    assertEquals(text.endsWith("hello"), true, text);
    const { code, signal, errors } = await program.program.end();
    assertEquals({ code, signal, errors }, {
      code: 0,
      signal: null,
      errors: "",
    });
    using later = await Deno.connect({ hostname: "127.0.0.1", port });
    await later.write(LAST_REQUEST);
    await using _next = (await serving(daemon, source)).service;
    const answer = await new Response(later.readable).text();
    assertEquals(answer.includes("hello"), true, answer);
  });
}

for (const name of ["Deno.serve", "node:http"]) {
  Deno.test(`${name}: SIGTERM ends idle connections, and those without a request`, async () => {
    await using daemon = await Daemon.start();
    const { port, path, service } = await serving(daemon, SERVERS[name]!);
    await using program = service;
    await Deno.writeTextFile(path, "");
    using silent = await Deno.connect({ hostname: "127.0.0.1", port });
    using idle = await Deno.connect({ hostname: "127.0.0.1", port });
    await idle.write(REQUEST);
    await idle.read(new Uint8Array(1000));
    program.program.signal("SIGTERM");
    const { code, errors } = await program.program.end();
    assertEquals({ code, errors }, { code: 0, errors: "" });
    assertEquals(await silent.read(new Uint8Array(1)), null);
  });
}

/** More than the buffers of a connection hold. */
const LONG = 32 * 1024 * 1024;

const LONG_ANSWERS: Readonly<Record<string, string>> = {
  "Deno.serve": `Deno.serve(options, () => {
    console.log("request");
    return new Response(new Uint8Array(${LONG}));
  });`,
  "node:http": `http.createServer((_, response) => {
    console.log("request");
    response.end(new Uint8Array(${LONG}));
  }).listen(port, '127.0.0.1', listening);`,
};

/** The number of servers that accept from the passed socket, descriptor 3. */
async function serversOnPassed(pid: number): Promise<number> {
  const descriptors = await descriptorsOf(pid);
  const passed = descriptors.get(3);
  return [...descriptors.values()].filter((each) => each === passed).length - 1;
}

for (const [name, source] of Object.entries(LONG_ANSWERS)) {
  Deno.test(`${name}: SIGTERM lets a response reach a client that has not read it yet`, async () => {
    await using daemon = await Daemon.start();
    const { port, service } = await serving(daemon, source);
    await using program = service;
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(LAST_REQUEST);
    await program.program.output.next("request");
    program.program.signal("SIGTERM");
    await eventually(
      "the server has left the passed socket",
      async () => await serversOnPassed(program.program.pid) === 0,
    );
    let length = 0;
    for await (const bytes of connection.readable) length += bytes.length;
    assertEquals(length > LONG, true, String(length));
    assertEquals((await program.program.end()).code, 0);
  });
}

/** Servers that upgrade each connection. */
const UPGRADING: Readonly<Record<string, string>> = {
  "Deno.serve": `Deno.serve(options, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.onopen = () => socket.send("hello");
    return response;
  });`,
  "node:http": `http.createServer(respond).on("upgrade", (_, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\\r\\n\\r\\nhello");
  }).listen(port, '127.0.0.1', listening);`,
};

for (const [name, source] of Object.entries(UPGRADING)) {
  Deno.test(`${name}: SIGTERM does not wait for upgraded connections`, async () => {
    await using daemon = await Daemon.start();
    const { port, service } = await serving(daemon, source);
    await using program = service;
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(encoder.encode(
      "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ));
    const head = new Uint8Array(1000);
    const length = await connection.read(head) ?? 0;
    assertMatch(
      new TextDecoder().decode(head.subarray(0, length)),
      /^HTTP\/1\.1 101 /,
    );
    program.program.signal("SIGTERM");
    const { code, errors } = await program.program.end();
    assertEquals({ code, errors }, { code: 0, errors: "" });
  });
}

/** Ways to listen for SIGTERM, and to stop. */
const HANDLERS: readonly [string, string][] = [
  [
    "Deno.addSignalListener('SIGTERM', own)",
    "Deno.removeSignalListener('SIGTERM', own)",
  ],
  ["process.on('SIGTERM', own)", "process.off('SIGTERM', own)"],
  ["process.once('SIGTERM', own)", ""],
];

for (const [add, remove] of HANDLERS) {
  for (const name of ["Deno.serve", "node:http"]) {
    Deno.test(`${name}: a program with ${add} handles SIGTERM itself, until it stops to listen`, async () => {
      await using daemon = await Daemon.start();
      const { port, path, service } = await serving(
        daemon,
        `const own = () => {
           console.log("own handler");
           ${remove};
         };
         ${add};
         ${SERVERS[name]}`,
      );
      await using program = service;
      await Deno.writeTextFile(path, "");
      program.program.signal("SIGTERM");
      await program.program.output.next("own handler");
      assertEquals(await ask(port), "hello");
      program.program.signal("SIGTERM");
      const { code, errors } = await program.program.end();
      assertEquals({ code, errors }, { code: 0, errors: "" });
    });
  }
}

Deno.test("without a server on a shared socket SIGTERM ends the program as always", async () => {
  await using daemon = await Daemon.start();
  const sources = [
    "Deno.serve({ ...options, port: 0 }, handler)",
    `const server = Deno.serve({ ...options, onListen: undefined }, handler);
     await server.shutdown();
     setInterval(listening, 1000);
     listening();`,
    `const server = http.createServer(respond).listen(port, '127.0.0.1', () => {
       server.close(() => {
         setInterval(listening, 1000);
         listening();
       });
     });`,
  ];
  for (const source of sources) {
    const { service } = await serving(daemon, source);
    await using program = service;
    program.program.signal("SIGTERM");
    assertEquals((await program.program.end()).signal, "SIGTERM", source);
  }
});

Deno.test("a listener for SIGTERM does not keep a program running", async () => {
  await using daemon = await Daemon.start();
  const { service } = await serving(
    daemon,
    `http.createServer(respond).listen(port, '127.0.0.1', function () {
       listening();
       this.unref();
     });`,
  );
  await using program = service;
  assertEquals((await program.program.end()).code, 0);
});

Deno.test("node:http2: SIGTERM ends an open session after its requests, and the program with exit code 0", async () => {
  await using daemon = await Daemon.start();
  const { port, path, service } = await serving(
    daemon,
    `import http2 from "node:http2";
     http2.createServer(respond).listen(port, '127.0.0.1', listening);`,
  );
  await using program = service;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const ended = Promise.withResolvers<void>();
  session.once("close", ended.resolve);
  const request = session.request({ ":path": "/" });
  const text = new Promise<string>((resolve, reject) => {
    let body = "";
    request.on("data", (bytes) => body += bytes);
    request.on("end", () => resolve(body));
    request.on("error", reject);
  });
  request.end();
  await program.program.output.next("request");
  const goaway = new Promise((resolve) => session.once("goaway", resolve));
  program.program.signal("SIGTERM");
  await goaway;
  await Deno.writeTextFile(path, "");
  assertEquals(await text, "hello");
  await ended.promise;
  const { code, errors } = await program.program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
});
