import { assertEquals, assertMatch } from "@std/assert";
import { Activated, ask, echo, portAt } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";

const SERVE = `
  const [hostname, port] = Deno.args;
  Deno.serve({
    port: Number(port),
    ...(hostname && { hostname }),
    onListen: (addr) => console.log("listening", addr.hostname, addr.port),
  }, () => new Response("hello"));
`;

/** Addresses of the passed socket, and hostnames that it serves. */
const MATCHES: readonly [string, readonly string[]][] = [
  ["0.0.0.0:0", ["", "0.0.0.0", "::"]],
  ["[::]:0", ["", "::"]],
  [":0", ["", "0.0.0.0"]],
  ["127.0.0.1:0", ["127.0.0.1", "localhost"]],
  ["[::1]:0", ["::1", "[0:0::1]", "localhost"]],
];

for (const [passed, hostnames] of MATCHES) {
  Deno.test(`Deno.serve uses a passed socket at ${passed} for ${hostnames.map((each) => each || "no hostname").join(", ")}`, async () => {
    await using daemon = await Daemon.start();
    const port = await portAt(daemon, passed);
    const local = passed.startsWith("[") ? "[::1]" : "127.0.0.1";
    for (const hostname of hostnames) {
      await using _service = await Activated.listening(SERVE, {
        passed,
        from: daemon,
        args: [hostname, String(port)],
      });
      assertEquals(await ask(port, local), "hello");
    }
  });
}

Deno.test("Deno.serve reports the address of the shared socket, as it prints its own", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, "0.0.0.0:0");
  await using service = await Activated.listening(
    `
      const server = Deno.serve({ port: Number(Deno.args[0]) }, () => new Response("hello"));
      console.log("listening", JSON.stringify(server.addr));
    `,
    { passed: "0.0.0.0:0", from: daemon, args: [String(port)] },
  );
  assertEquals(
    service.program.output.text,
    `listening ${
      JSON.stringify({ transport: "tcp", hostname: "0.0.0.0", port })
    }`,
  );
  await service.program.errors.next(
    `Listening on http://0.0.0.0:${port}/ (http://localhost:${port}/)`,
  );
});

Deno.test("Deno.serve at another address and at port 0 is not changed", async () => {
  await using daemon = await Daemon.start();
  using own = OwnPort.take();
  const { number: other } = own;
  for (const port of [0, other]) {
    await using service = await Activated.start(SERVE, {
      passed: "127.0.0.1:0",
      from: daemon,
      args: ["127.0.0.1", String(port)],
    });
    const line = await service.program.output.next("listening");
    const own = Number(/\d+$/.exec(line)?.[0]);
    assertEquals(await ask(own), "hello");
    assertEquals(own === await portAt(daemon, "127.0.0.1:0"), false);
    assertEquals(service.errors, "");
  }
});

Deno.test("Deno.listen uses passed sockets, TCP and UNIX", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, "127.0.0.1:0");
  const path = daemon.scratch.join("echo.sock");
  for (
    const [passed, options] of [
      ["127.0.0.1:0", { hostname: "127.0.0.1", port }],
      [`unix:${path}`, { transport: "unix", path }],
    ] as const
  ) {
    await using _echo = await Activated.listening(
      `
        const listener = Deno.listen(JSON.parse(Deno.args[0]));
        console.log("listening");
        for await (const connection of listener) {
          connection.readable.pipeTo(connection.writable);
        }
      `,
      { passed, from: daemon, args: [JSON.stringify(options)] },
    );
    assertEquals(await echo(options), "hello");
  }
});

Deno.test("Deno.serve at a relative path uses the socket of that file", async () => {
  await using daemon = await Daemon.start();
  const path = daemon.scratch.join("web.sock");
  await using _service = await Activated.listening(
    `
      Deno.chdir(Deno.args[0]);
      const server = Deno.serve({ path: "./web.sock" }, () => new Response("hello"));
      console.log("listening");
    `,
    { passed: `unix:${path}`, from: daemon, args: [daemon.scratch.path] },
  );
  using client = Deno.createHttpClient({
    proxy: { transport: "unix", path },
  });
  const answer = await fetch("http://localhost/", { client });
  assertEquals(await answer.text(), "hello");
});

Deno.test("an error of the program's options is that of Deno", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, "127.0.0.1:0");
  const options =
    `{ hostname: "127.0.0.1", port: ${port}, cert: "a", key: "b" }`;
  await using service = await Activated.start(
    `Deno.serve(${options}, () => new Response("hello"));`,
    { passed: "127.0.0.1:0", from: daemon },
  );
  const { code, errors } = await service.program.end();
  assertEquals(code, 1);
  assertMatch(
    errors,
    /^multibinder-activate: 127\.0\.0\.1:\d+ is not shared: /,
  );
  assertMatch(errors, /error: Uncaught/);
});

/** Calls that work without the module. They get a passed socket at 127.0.0.1. */
const OTHER_CALLS: Readonly<Record<string, string>> = {
  "options with accessors": `
    class Options {
      hostname = "127.0.0.1";
      get port() { return port; }
      get handler() { return hello; }
      onListen(addr) { console.log("listening", addr.port === this.port); }
    }
    Deno.serve(new Options());`,
  "a signal that has aborted, which Deno ignores": `
    const signal = AbortSignal.abort();
    Deno.serve({ hostname: "127.0.0.1", port, signal, onListen }, hello);`,
};

for (const [what, call] of Object.entries(OTHER_CALLS)) {
  Deno.test(`Deno.serve uses a passed socket: ${what}`, async () => {
    await using daemon = await Daemon.start();
    const port = await portAt(daemon, "127.0.0.1:0");
    await using service = await Activated.listening(
      `
        const port = Number(Deno.args[0]);
        const hello = () => new Response("hello");
        const onListen = (addr) => console.log("listening", addr.port === port);
        ${call}
      `,
      { passed: "127.0.0.1:0", from: daemon, args: [String(port)] },
    );
    assertEquals(await ask(port), "hello");
    assertEquals(service.program.output.text, "listening true");
    assertEquals(service.errors, "");
  });
}

Deno.test("DENO_SERVE_ADDRESS moves the first server to a passed socket, and no other", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, "127.0.0.1:0");
  await using service = await Activated.listening(
    `
      Deno.serve({ port: 1, onListen: () => {} }, () => new Response("hello"));
      const { addr } = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("other"));
      console.log("listening", addr.port);
    `,
    {
      passed: "127.0.0.1:0",
      from: daemon,
      env: { DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}` },
    },
  );
  const other = Number(/\d+$/.exec(service.program.output.text)?.[0]);
  assertEquals(await ask(port), "hello");
  assertEquals(await ask(other), "other");
  assertEquals(service.errors, "");
});

for (const asksDaemon of [true, false]) {
  Deno.test(`a passed socket at the same port of another host is named${asksDaemon ? " when the daemon refuses the address" : ""}`, async () => {
    await using daemon = await Daemon.start();
    const port = await portAt(daemon, "127.0.0.1:0");
    await using service = await Activated.start(
      `Deno.serve({ port: ${port} }, () => new Response("hello"));`,
      {
        passed: "127.0.0.1:0",
        from: daemon,
        ...(asksDaemon && { daemon }),
      },
    );
    const { errors } = await service.program.end();
    assertEquals(
      errors.split("\n")[0],
      `multibinder-activate: 0.0.0.0:${port} is not shared: the passed socket is 127.0.0.1:${port}: pass 0.0.0.0:${port} instead, or let the program listen on that address`,
    );
  });
}
