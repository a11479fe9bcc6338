import { assertEquals, assertMatch } from "@std/assert";
import { Activated, ask } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { Scratch } from "../support/tree.ts";

const SERVERS = `
  import http from "node:http";
  const [kind, port, name] = Deno.args;
  const listening = () => console.log("listening");
  if (kind.includes("deno")) {
    Deno.serve({ port: Number(port), onListen: listening }, () => new Response(name));
  }
  if (kind.includes("node")) {
    http.createServer((_, response) => response.end(name)).listen(port, listening);
  }
`;

async function boundBy(daemon: Daemon): Promise<string[]> {
  using session = await daemon.session();
  return (await session.list()).map(({ address }) => address);
}

for (const kinds of [["deno", "node"], ["node", "deno"]] as const) {
  Deno.test(`a ${kinds[0]} program and a ${kinds[1]} program get one socket of the daemon`, async () => {
    await using daemon = await Daemon.start();
    using own = OwnPort.take();
    const { number: port } = own;
    const [first, second] = kinds;
    await using one = await Activated.listening(SERVERS, {
      daemon,
      args: [first, String(port), "one"],
    });
    await using two = await Activated.listening(SERVERS, {
      daemon,
      args: [second, String(port), "two"],
    });
    assertEquals(one.errors + two.errors, "");
    assertEquals((await boundBy(daemon)).length, 1);
    one.program.signal("SIGTERM");
    assertEquals((await one.program.end()).code, 0);
    assertEquals(await ask(port), "two");
  });
}

Deno.test("an address that the policy denies is the program's own", async () => {
  await using scratch = await Scratch.make();
  const policy = scratch.join("policy.json");
  await Deno.writeTextFile(policy, JSON.stringify({ rules: [] }));
  await using daemon = await Daemon.start({ args: ["--policy", policy] });
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.listening(SERVERS, {
    daemon,
    args: ["deno", String(port), "hello"],
  });
  assertEquals(await ask(port), "hello");
  assertMatch(
    service.errors,
    /^multibinder-activate: 0\.0\.0\.0:\d+ is not shared: .*denied.*$/i,
  );
});

Deno.test("a program that finds no daemon waits for it, says so and listens itself", async () => {
  await using scratch = await Scratch.make();
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.listening(SERVERS, {
    env: { MULTIBINDER_SOCK: scratch.join("missing.sock") },
    args: ["deno", String(port), "hello"],
  });
  assertEquals(await ask(port), "hello");
  assertMatch(
    service.errors,
    /^multibinder-activate: 0\.0\.0\.0:\d+ is not shared: gave up after 2000 ms: connect .*missing\.sock: .*$/,
  );
  service.program.signal("SIGTERM");
  assertEquals((await service.program.end()).signal, "SIGTERM");
});

Deno.test("without sockets and a daemon nothing changes", async () => {
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.listening(SERVERS, {
    args: ["deno", String(port), "hello"],
  });
  assertEquals(await ask(port), "hello");
  service.program.signal("SIGTERM");
  const { signal, errors } = await service.program.end();
  assertEquals({ signal, errors }, { signal: "SIGTERM", errors: "" });
});

/** Closes the socket, whose LISTEN_PID names another process: as npx does. */
const AS_NPX = ["sh", "-c", 'exec 3<&-; LISTEN_PID=1 exec "$@"', "npx"];

Deno.test("a program that npx starts gets the socket of its address from the daemon", async () => {
  await using daemon = await Daemon.start();
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.listening(
    `Deno.serve({ hostname: "127.0.0.1", port: ${port},
       onListen: () => console.log("listening") }, () => new Response("hello"));`,
    { passed: `127.0.0.1:${port}`, from: daemon, daemon, between: AS_NPX },
  );
  assertEquals(await ask(port), "hello");
  assertEquals(service.errors, "");
});

Deno.test("a second worker that npx starts does not get the queue of the first one", async () => {
  await using daemon = await Daemon.start();
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.start(
    `Deno.serve({ hostname: "127.0.0.1", port: ${port} }, () => new Response("hello"));`,
    {
      passed: `127.0.0.1:${port}`,
      from: daemon,
      daemon,
      between: AS_NPX,
      env: { MULTIBINDER_WORKER: "1" },
    },
  );
  const { code, errors } = await service.program.end();
  assertEquals(code, 1);
  assertMatch(
    errors,
    /is not shared: LISTEN_FDS announces sockets for another/,
  );
});
