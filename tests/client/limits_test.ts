import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { bind, bindSync, connect, TimeoutError } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";
import { FakeServer } from "../support/client/fake_server.ts";

const REASON = new Error("the user has pressed Ctrl+C");

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (reason) {
    return reason;
  }
  throw new Error("it did not reject");
}

Deno.test("a call with an aborted signal rejects with its reason", async () => {
  await using daemon = await Daemon.start();
  const options = { sock: daemon.sock, signal: AbortSignal.abort(REASON) };
  await withoutLeak(async () => {
    assertStrictEquals(await reasonOf(bind(":0", options)), REASON);
    assertStrictEquals(await reasonOf(connect(options)), REASON);
    using session = await connect({ sock: daemon.sock });
    assertStrictEquals(await reasonOf(session.bind(":0", options)), REASON);
    assertStrictEquals(await reasonOf(session.status(options)), REASON);
  });
});

Deno.test("a call with an aborted signal sends no request", async () => {
  await using daemon = await Daemon.start();
  const options = { sock: daemon.sock, signal: AbortSignal.abort(REASON) };
  for (let count = 0; count < 20; count++) {
    assertStrictEquals(await reasonOf(bind(":0", options)), REASON);
  }
  assertEquals((await daemon.status()).binds, 0);
});

Deno.test("a signal ends the wait for a daemon", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await withoutLeak(async () => {
    const controller = new AbortController();
    const options = { sock, signal: controller.signal, timeout: PATIENCE };
    const binding = reasonOf(bind(":0", options));
    const connecting = reasonOf(connect(options));
    await new Promise((resolve) => setTimeout(resolve, 20));
    controller.abort(REASON);
    assertStrictEquals(await binding, REASON);
    assertStrictEquals(await connecting, REASON);
  });
});

Deno.test("a signal ends the wait for an answer", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await withoutLeak(async () => {
    const asked = Promise.withResolvers<void>();
    await using _server = new FakeServer(sock, async (connection) => {
      await connection.request();
      asked.resolve();
      await connection.gone();
    });
    const controller = new AbortController();
    const { signal } = controller;
    const binding = reasonOf(bind(":0", { sock, signal, timeout: PATIENCE }));
    await asked.promise;
    controller.abort(REASON);
    assertStrictEquals(await binding, REASON);
  });
});

Deno.test("a signal does not keep the program alive after its call", async () => {
  await using daemon = await Daemon.start();
  const controller = new AbortController();
  const { signal } = controller;
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock, signal });
  controller.abort(REASON);
  using again = await bind("127.0.0.1", 0, { sock: daemon.sock });
  assertEquals(web.addr, again.addr);
});

Deno.test("AbortSignal.timeout() rejects with a DOMException", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const signal = AbortSignal.timeout(20);
  await assertRejects(
    () => bind(":0", { sock, signal, timeout: PATIENCE }),
    DOMException,
  );
});

Deno.test("no answer within the timeout is a TimeoutError", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await withoutLeak(async () => {
    await using _server = new FakeServer(sock, (each) => each.gone());
    const limited = { timeout: 50 };
    await assertRejects(
      () => bind(":0", { sock, ...limited }),
      TimeoutError,
      "the daemon has not answered",
    );
    using session = await connect({ sock, ...limited });
    await assertRejects(() => session.bind(":0"), TimeoutError);
    await assertRejects(() => session.status(limited), TimeoutError);
  });
});

const SILENT_SERVER = `
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("ready", flush=True)
clients = []
while True:
    clients.append(server.accept())
`;

Deno.test({
  name: "bindSync throws a TimeoutError if the daemon does not answer",
  ignore: await lacks("python3"),
  fn: async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    await using server = Program.start("python3", {
      args: ["-c", SILENT_SERVER, sock],
    });
    await server.output.next("ready");
    await withoutLeak(() => {
      assertThrows(
        () => bindSync(":0", { sock, timeout: 50 }),
        TimeoutError,
        "the daemon has not answered",
      );
      return Promise.resolve();
    });
  },
});

for (const timeout of [Infinity, 1e10]) {
  Deno.test(`timeout: ${timeout} waits for an answer without a limit`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    await using _server = new FakeServer(sock, async (connection) => {
      const { id } = (await connection.request())!;
      asked.resolve();
      await answer.promise;
      connection.send(JSON.stringify({ id, result: { pid: 7 } }));
      await connection.gone();
    });
    using session = await connect({ sock, timeout });
    const status = session.status();
    await asked.promise;
    answer.resolve();
    assertEquals((await status).pid, 7);
  });
}

Deno.test("timeout: 0 is a TimeoutError as soon as a call has to wait", async () => {
  await using scratch = await Scratch.make();
  const options = { sock: scratch.join("control.sock"), timeout: 0 };
  await assertRejects(() => bind(":0", options), TimeoutError, "0 ms");
  assertThrows(() => bindSync(":0", options), TimeoutError, "0 ms");
});
