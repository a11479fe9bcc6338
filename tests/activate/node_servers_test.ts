import { assertEquals, assertMatch } from "@std/assert";
import { Activated, ask, echo, portAt } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { selfSigned } from "../support/serve/certificate.ts";

const IMPORTS = `
  import http from "node:http";
  import https from "node:https";
  import net from "node:net";
  const port = Number(Deno.args[0]);
  const hello = (_request, response) => response.end("hello");
  const listening = () => console.log("listening");
`;

/** Calls of `listen` for a passed socket at `:0`. */
const CALLS = [
  "listen(port, listening)",
  "listen(String(port), '0.0.0.0', 511, listening)",
  "listen({ port, host: '::', signal: new AbortController().signal }, listening)",
  "listen({ port }).on('listening', listening)",
  "listen({ port, path: '/nonexistent/web.sock' }, listening)",
];

for (const call of CALLS) {
  Deno.test(`node:http uses a passed socket: ${call}`, async () => {
    await using daemon = await Daemon.start();
    const port = await portAt(daemon, ":0");
    await using service = await Activated.listening(
      `${IMPORTS} http.createServer(hello).${call};`,
      { passed: ":0", from: daemon, args: [String(port)] },
    );
    assertEquals(await ask(port), "hello");
    assertEquals(service.errors, "");
  });
}

Deno.test("node:http at port 0, and without arguments, is not changed", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, ":0");
  for (const args of ["0", "", "{ host: '127.0.0.1', port: 0 }"]) {
    await using service = await Activated.listening(
      `${IMPORTS}
       const server = http.createServer(hello).listen(${args});
       server.on("listening", () => console.log("listening", server.address().port));`,
      { passed: ":0", from: daemon, args: [String(port)] },
    );
    const own = Number(/\d+$/.exec(service.program.output.text)?.[0]);
    assertEquals(await ask(own), "hello");
    assertEquals(own === port, false);
  }
});

Deno.test("node:https uses a passed socket", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, ":0");
  const pair = await selfSigned();
  await using _service = await Activated.listening(
    `${IMPORTS}
     https.createServer(${
      JSON.stringify(pair)
    }, hello).listen(port, listening);`,
    { passed: ":0", from: daemon, args: [String(port)] },
  );
  using client = Deno.createHttpClient({ caCerts: [pair.cert] });
  const answer = await fetch(`https://localhost:${port}/`, { client });
  assertEquals(await answer.text(), "hello");
});

Deno.test("node:net uses passed sockets, TCP and UNIX", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, "127.0.0.1:0");
  const path = daemon.scratch.join("echo.sock");
  for (
    const [passed, options] of [
      ["127.0.0.1:0", { hostname: "127.0.0.1", port }],
      [`unix:${path}`, { transport: "unix", path }],
    ] as const
  ) {
    const where = "path" in options
      ? JSON.stringify(path)
      : "port, '127.0.0.1'";
    await using _echo = await Activated.listening(
      `${IMPORTS}
       net.createServer((socket) => socket.pipe(socket)).listen(${where}, listening);`,
      { passed, from: daemon, args: [String(port)] },
    );
    assertEquals(await echo(options), "hello");
  }
});

Deno.test("two servers of one program use one passed socket", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, ":0");
  await using service = await Activated.listening(
    `${IMPORTS}
     const server = http.createServer((_, response) => {
       server.close();
       response.end("node");
     });
     const deno = Deno.serve({ port, onListen: () => {} }, () => {
       deno.shutdown();
       return new Response("deno");
     });
     server.listen(port, listening);`,
    { passed: ":0", from: daemon, args: [String(port)] },
  );
  const answers = [await ask(port), await ask(port)];
  assertEquals(answers.sort(), ["deno", "node"]);
  assertEquals(service.errors, "");
});

Deno.test("a server that already listens gets Node's error", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, ":0");
  await using service = await Activated.listening(
    `${IMPORTS}
     const server = http.createServer(hello).listen(port);
     try { server.listen(port); } catch (error) { console.log("listening", error.code); }`,
    { passed: ":0", from: daemon, args: [String(port)] },
  );
  assertMatch(service.program.output.text, /ERR_SERVER_ALREADY_LISTEN/);
});

Deno.test("address() of a node:http server on a passed UNIX socket is its path, as Node reports it", async () => {
  await using daemon = await Daemon.start();
  const path = daemon.scratch.join("web.sock");
  await using service = await Activated.listening(
    `${IMPORTS}
     const server = http.createServer(hello).listen(Deno.args[0], () => {
       console.log("listening", server.address());
       server.close(() => console.log("closed", server.address()));
     });`,
    { passed: `unix:${path}`, from: daemon, args: [path] },
  );
  await service.program.output.next("closed null");
  assertEquals(service.program.output.text, `listening ${path}\nclosed null`);
});
