import { assertEquals, assertStringIncludes } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { runWrapper, startWrapper } from "../support/haproxy/wrapped.ts";
import { loopbackHost, OwnPort } from "../support/loopback.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks("haproxy");

/** A copy of an example's template with an unused address and port. */
async function copyOf(
  name: string,
  scratch: Scratch,
  port = 0,
): Promise<{ path: string; address: string }> {
  const text = await Deno.readTextFile(treePath(`examples/haproxy/${name}`));
  const address = loopbackHost();
  const path = scratch.join(name);
  await Deno.writeTextFile(
    path,
    text.replaceAll("'127.0.0.1'", `'${address}'`)
      .replaceAll("8080", String(port)),
  );
  return { path, address };
}

async function get(url: string): Promise<string> {
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  try {
    return await (await fetch(url, { client })).text();
  } finally {
    client.close();
  }
}

Deno.test({
  name: "examples/haproxy/web.cfg.erb works unchanged",
  ignore,
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    using own = OwnPort.take();
    const { number: port } = own;
    const { path, address } = await copyOf("web.cfg.erb", scratch, port);
    await using haproxy = startWrapper(daemon.sock, ["-f", path]);
    await haproxy.errors.next("is ready");
    assertEquals(
      await get(`http://${address}:${port}/`),
      "hello from haproxy\n",
    );
    haproxy.signal("SIGTERM");
    assertEquals((await haproxy.end()).code, 0);
  },
});

Deno.test({
  name: "examples/haproxy/sites.cfg.erb: each port serves from SERVERS",
  ignore,
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response("hello from the server"),
    );
    using one = OwnPort.take();
    using other = OwnPort.take();
    const ports = [one.number, other.number];
    const { path, address } = await copyOf("sites.cfg.erb", scratch);
    await using haproxy = startWrapper(daemon.sock, ["-f", path], {
      env: {
        PORTS: ports.join(" "),
        SERVERS: `127.0.0.1:${server.addr.port}`,
      },
    });
    await haproxy.errors.next("is ready");
    for (const port of ports) {
      assertEquals(
        await get(`http://${address}:${port}/`),
        "hello from the server",
      );
    }
    haproxy.signal("SIGTERM");
    assertEquals((await haproxy.end()).code, 0);
  },
});

Deno.test({
  name: "examples/haproxy/sites.cfg.erb: the error names a missing variable",
  ignore,
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    const { path } = await copyOf("sites.cfg.erb", scratch);
    const { code, errors } = await runWrapper(daemon.sock, ["-f", path]);
    assertEquals(code, 1);
    assertStringIncludes(errors, "the environment has no variable SERVERS");
  },
});
