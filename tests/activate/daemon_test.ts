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
