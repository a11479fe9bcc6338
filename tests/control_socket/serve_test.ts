import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { libc } from "../../ffi/libc/libc.ts";
import {
  ControlSocketError,
  OsError,
  serve,
  type Server,
} from "../../server.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import { leaveDeadSocket } from "../support/control_socket/dead_socket.ts";

const QUIET = { logLevel: "error" } as const;

Deno.test("serve() listens when it returns, and `await using` shuts it down", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  {
    await using server = serve({ path, ...QUIET });
    assert(Deno.lstatSync(path).isSocket);
    assertEquals(server.path, path);
    (await bind("127.0.0.1", 0, { sock: path })).close();
    const { pid, binds, clients, generation } = server.status();
    assertEquals({ pid, binds, generation }, {
      pid: Deno.pid,
      binds: 1,
      generation: 1,
    });
    assert(clients <= 1);
  }
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});

for (
  const [options, expected] of [
    [{}, 0o600],
    [{ gid: 12345 }, 0o660],
    [{ gid: 12345, mode: 0o620 }, 0o620],
  ] as const
) {
  Deno.test(
    `serve(${Deno.inspect(options)}) listens with mode 0${
      expected.toString(8)
    }`,
    { ignore: Deno.uid() !== 0 },
    async () => {
      await using scratch = await Scratch.make();
      const path = scratch.join("control.sock");
      await using _server = serve({ path, ...options, ...QUIET });
      const { gid, mode } = await Deno.lstat(path);
      assertEquals(mode! & 0o7777, expected);
      assertEquals(gid, "gid" in options ? options.gid : Deno.gid());
    },
  );
}

Deno.test("a second shutdown() has no effect", async () => {
  await using scratch = await Scratch.make();
  await using server = serve({ path: scratch.join("control.sock"), ...QUIET });
  await Promise.all([server.shutdown(), server.shutdown()]);
  await server.finished;
  await server.shutdown();
  assertEquals((await Array.fromAsync(Deno.readDir(scratch.path))).length, 0);
});

Deno.test("finished and shutdown() reject with the error of the event loop", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  const real = libc().epoll_wait;
  const failing: typeof real = (_, ...rest) => real(-1, ...rest);
  Object.defineProperty(libc(), "epoll_wait", { value: failing });
  let server: Server;
  try {
    server = serve({ path, ...QUIET });
    const failure = assertRejects(() => server.finished, OsError, "EBADF");
    // The daemon asks which descriptors are ready when a client wakes it up.
    using _client = RawConnection.open(path);
    await failure;
  } finally {
    Object.defineProperty(libc(), "epoll_wait", { value: real });
  }
  await assertRejects(() => server.shutdown(), OsError, "EBADF");
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("an AbortSignal shuts the server down", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  const controller = new AbortController();
  await using server = serve({ path, ...QUIET, signal: controller.signal });
  (await bind("127.0.0.1", 0, { sock: path })).close();
  controller.abort();
  await server.finished;
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("serve() with an aborted AbortSignal throws and does not listen", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  assertEquals(assertThrows(() => serve({ path, signal })), reason);
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("a shutdown closes clients and binds but not a client's copy of a socket", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  await using server = serve({ path, ...QUIET });
  using session = await connect({ sock: path });
  using web = await session.bind("127.0.0.1", 0);
  await server.shutdown();
  assert(web.addr.transport === "tcp");
  using connection = await Deno.connect({ port: web.addr.port });
  assertEquals(connection.remoteAddr, web.addr);
});

Deno.test("two servers in one program are independent", async () => {
  await using scratch = await Scratch.make();
  await using one = serve({ path: scratch.join("one"), ...QUIET });
  await using other = serve({ path: scratch.join("other"), ...QUIET });
  using first = await bind("127.0.0.1", 0, { sock: one.path });
  using second = await bind("127.0.0.1", 0, { sock: other.path });
  assert(JSON.stringify(first.addr) !== JSON.stringify(second.addr));
  await one.shutdown();
  (await bind("127.0.0.1", 0, { sock: other.path })).close();
  assertEquals([other.status().binds], [1]);
});

Deno.test("serve() on the path of a live server throws, and that server keeps serving", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  await using server = serve({ path, ...QUIET });
  assertThrows(() => serve({ path }), ControlSocketError, path);
  (await bind("127.0.0.1", 0, { sock: path })).close();
  assertEquals(server.status().binds, 1);
});

Deno.test("onReplaced is called when a dead socket is replaced", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  leaveDeadSocket(path);
  const replaced: string[] = [];
  await using _server = serve({
    path,
    ...QUIET,
    onReplaced: (path) => replaced.push(path),
  });
  assertEquals(replaced, [path]);
});

Deno.test("a server leaks no descriptor", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  await withoutLeak(async () => {
    for (let count = 0; count < 5; count++) {
      await using _server = serve({ path, ...QUIET });
      using session = await connect({ sock: path });
      for (const host of ["127.0.0.1", "::1", "localhost"]) {
        (await session.bind(host, 0)).close();
      }
    }
  });
  assertEquals((await Array.fromAsync(Deno.readDir(scratch.path))).length, 0);
});

Deno.test("a server that fails to start leaks no descriptor", async () => {
  await using scratch = await Scratch.make();
  await Deno.writeTextFile(scratch.join("file"), "");
  await withoutLeak(() => {
    for (let count = 0; count < 5; count++) {
      for (const name of ["file", "no/sock", "x".repeat(200)]) {
        assertThrows(
          () => serve({ path: scratch.join(name) }),
          Error,
          scratch.path,
        );
      }
    }
    return Promise.resolve();
  });
});

Deno.test({
  name: "shutdown() leaves no operation or resource that keeps Deno alive",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using scratch = await Scratch.make();
    const path = scratch.join("control.sock");
    await using server = serve({ path, ...QUIET });
    (await bind("localhost", 0, { sock: path })).close();
    await server.shutdown();
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  },
});
