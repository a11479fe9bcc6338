import { assert, assertEquals, assertMatch } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import {
  assertOpenKinds,
  type Kinds,
  openKinds,
} from "../support/open_descriptors.ts";
import { Program, within } from "../support/program.ts";
import { libcPath, treePath } from "../support/tree.ts";

/** The flags in the first lines of an example. */
async function flagsOf(example: string): Promise<string[]> {
  const text = await Deno.readTextFile(treePath(`examples/${example}`));
  const line = text.split("\n").find((line) =>
    line.includes("deno run ") && line.endsWith(` examples/${example}`)
  );
  assert(line !== undefined, `examples/${example} does not say how to run it`);
  const words = line.slice(line.indexOf("deno run ")).trim().split(" ");
  return words.filter((word) => word.startsWith("--")).map((flag) =>
    flag.startsWith("--allow-ffi=") ? `--allow-ffi=${libcPath}` : flag
  );
}

/** Starts an example with the flags in its first lines. */
async function serving(
  example: string,
  daemon: Daemon,
  ...args: string[]
): Promise<Program> {
  const flags = await flagsOf(example);
  const script = treePath(`examples/${example}`);
  const program = Program.start(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, script, "127.0.0.1", "0", ...args],
    env: { MULTIBINDER_SOCK: daemon.sock },
  });
  await program.output.next("serving");
  return program;
}

/** The URL of the daemon's bind of port 0. */
async function urlOf({ sock }: Daemon): Promise<string> {
  using web = await bind("127.0.0.1", 0, { sock });
  return `http://127.0.0.1:${(web.addr as Deno.NetAddr).port}/`;
}

async function get(url: string): Promise<string> {
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  try {
    return await (await fetch(url, { client })).text();
  } finally {
    client.close();
  }
}

Deno.test("web_service.ts: the next version serves beside the old one and after it", async () => {
  await using daemon = await Daemon.start();
  const url = await urlOf(daemon);
  await using old = await serving("web_service.ts", daemon, "v1");
  assertEquals(await get(url), "v1\n");
  await using next = await serving("web_service.ts", daemon, "v2");
  old.signal("SIGTERM");
  assertEquals((await old.end()).code, 0);
  assertEquals(await get(url), "v2\n");
  next.signal("SIGTERM");
  assertEquals((await next.end()).code, 0);
});

Deno.test("launch.ts: a child without any permission serves on the socket it inherits", async () => {
  await using daemon = await Daemon.start();
  const url = await urlOf(daemon);
  await using parent = await serving("launch.ts", daemon);
  assertMatch(await get(url), /^hello from child \d+\n$/);
  parent.signal("SIGTERM");
  const { code, output } = await parent.end();
  assertEquals(code, 0);
  assertMatch(output, /the child ended with status 0/);
});

Deno.test("reexec.ts: every generation has the same PID and the same socket", async () => {
  await using daemon = await Daemon.start();
  const url = await urlOf(daemon);
  await using service = await serving("reexec.ts", daemon);
  assertEquals(await get(url), `generation 1 of ${service.pid}\n`);
  let open: Kinds | undefined;
  for (let generation = 2; generation <= 4; generation++) {
    service.signal("SIGUSR2");
    // The request may wait in the accept queue for the next generation.
    const answer = await get(url);
    assertMatch(answer, new RegExp(` of ${service.pid}\n$`));
    await service.output.next(`generation ${generation} serving`);
    assertEquals(
      await get(url),
      `generation ${generation} of ${service.pid}\n`,
    );
    if (generation === 3) open = await openKinds(service.pid);
  }
  await assertOpenKinds(service.pid, open!);
});

Deno.test("deno_serve.ts: the next version serves on the shared socket", async () => {
  await using daemon = await Daemon.start();
  const url = await urlOf(daemon);
  await using old = await serving("deno_serve.ts", daemon, "v1");
  assertEquals(await get(url), "v1\n");
  await using next = await serving("deno_serve.ts", daemon, "v2");
  old.signal("SIGTERM");
  assertEquals((await old.end()).code, 0);
  assertEquals(await get(url), "v2\n");
  next.signal("SIGTERM");
  assertEquals((await next.end()).code, 0);
});

Deno.test("hono.ts: Hono serves its routes on the shared socket", async () => {
  await using daemon = await Daemon.start();
  const url = await urlOf(daemon);
  await using service = await serving("hono.ts", daemon);
  assertEquals(await get(url), "hello from Hono\n");
  assertEquals(await get(`${url}hello/you`), '{"hello":"you"}');
  service.signal("SIGTERM");
  assertEquals((await service.end()).code, 0);
});

Deno.test("websocket.ts: messages come back, and SIGTERM announces a restart", async () => {
  await using daemon = await Daemon.start();
  const url = (await urlOf(daemon)).replace("http", "ws");
  await using service = await serving("websocket.ts", daemon);
  const socket = new WebSocket(url);
  const heard = Promise.withResolvers<unknown>();
  const closed = Promise.withResolvers<number>();
  socket.onopen = () => socket.send("hello");
  socket.onmessage = ({ data }) => heard.resolve(data);
  socket.onclose = ({ code }) => closed.resolve(code);
  assertEquals(await within(heard.promise, "the message"), "hello");
  service.signal("SIGTERM");
  assertEquals(await within(closed.promise, "the end"), 1012);
  assertEquals((await service.end()).code, 0);
});
