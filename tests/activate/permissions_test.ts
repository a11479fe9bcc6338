import { assertEquals, assertMatch } from "@std/assert";
import { Activated, ask, portAt } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { libcPath } from "../support/tree.ts";

const FFI = `--allow-ffi=${libcPath}`;
const SERVE = `
  const [hostname, port] = Deno.args;
  const onListen = () => console.log("listening");
  Deno.serve({ hostname, port: Number(port), onListen }, () => new Response("hello"));
`;
const NODE = `
  import http from "node:http";
  http.createServer((_, response) => response.end("hello"))
    .listen(Deno.args[1], Deno.args[0], () => console.log("listening"));
`;

for (const source of [SERVE, NODE]) {
  Deno.test(`without --allow-ffi a program says so and listens itself: ${source === NODE ? "node:http" : "Deno.serve"}`, async () => {
    await using daemon = await Daemon.start();
    using own = OwnPort.take();
    const { number: port } = own;
    await using service = await Activated.listening(source, {
      daemon,
      permissions: ["--allow-net"],
      args: ["127.0.0.1", String(port)],
    });
    assertEquals(await ask(port), "hello");
    assertMatch(
      service.errors,
      /^multibinder-activate: 127\.0\.0\.1:\d+ is not shared: .*run again with --allow-ffi=\S+$/,
    );
  });
}

Deno.test("a program that can read that nothing is configured needs no --allow-ffi", async () => {
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.listening(SERVE, {
    permissions: ["--allow-net", "--allow-env=LISTEN_FDS,MULTIBINDER_SOCK"],
    args: ["127.0.0.1", String(port)],
  });
  assertEquals(await ask(port), "hello");
  assertEquals(service.errors, "");
});

Deno.test("--allow-ffi and --allow-net=127.0.0.1 are enough for Deno.serve on a passed socket", async () => {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, ":0");
  await using service = await Activated.listening(SERVE, {
    passed: ":0",
    from: daemon,
    permissions: [FFI, "--allow-net=127.0.0.1"],
    args: ["0.0.0.0", String(port)],
  });
  assertEquals(await ask(port), "hello");
  assertEquals(service.errors, "");
});

Deno.test("without --allow-net=127.0.0.1 Deno.serve leaves the daemon alone, says so and listens itself", async () => {
  await using daemon = await Daemon.start();
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.listening(SERVE, {
    daemon,
    permissions: [FFI, `--allow-net=0.0.0.0:${port}`],
    args: ["0.0.0.0", String(port)],
  });
  assertEquals(await ask(port), "hello");
  assertMatch(
    service.errors,
    /^multibinder-activate: 0\.0\.0\.0:\d+ is not shared: .*run again with --allow-net=127\.0\.0\.1$/,
  );
  using session = await daemon.session();
  assertEquals(await session.list(), []);
});
