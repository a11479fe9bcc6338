import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import type { Binding } from "../../client.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { newSocket, send, tryConnect } from "../../ffi/sockets/socket.ts";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks(PYTHON);

const OPTIONS = ["--ready", "notify", "--on-demand"];

/** How often it was started. */
function starts({ program }: Supervised): number {
  return program.errors.text.match(/: started /g)?.length ?? 0;
}

/** The service manager's next message. */
async function notified(socket: NotificationSocket): Promise<string[]> {
  assert(await waitReady(socket.fd, "read", PATIENCE));
  return socket.receive()!.assignments;
}

Deno.test({
  name:
    "the first connection starts the program and is accepted by it; READY=1 is sent at once; a reload before has nothing to replace",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    using manager = new NotificationSocket(scratch.join("notify"));
    await using service = await Supervised.start(undefined, {
      options: OPTIONS,
      env: { NOTIFY_SOCKET: scratch.join("notify") },
    });
    const ready = ["READY=1", "STATUS=Waiting for a connection"];
    assertEquals(await notified(manager), ready);
    await service.says("waits for a connection");
    service.program.signal("SIGUSR1");
    for (const signal of ["SIGHUP", "SIGUSR2"] as const) {
      await service.plan({ name: "v2", ready: "notify" });
      service.program.signal(signal);
      await service.says("nothing to replace: the next start");
      assertEquals((await notified(manager))[0], "RELOADING=1");
      assertEquals(await notified(manager), ready);
    }
    service.program.signal("SIGTTIN");
    await service.says("--on-demand runs one worker");
    assertEquals(starts(service), 0);
    const { name, pid } = await service.ask();
    assertEquals(name, "v2");
    assertEquals((await service.ask()).pid, pid);
    assertEquals(starts(service), 1);
    assertEquals(await notified(manager), [
      "READY=1",
      `STATUS=Generation 1 serves as process ${pid}`,
    ]);
    await service.reload({ name: "v3", ready: "notify" });
    await service.says("generation 2: ready");
    await service.says("generation 1: process");
    assertEquals((await service.ask()).name, "v3");
  },
});

Deno.test({
  name: "SIGTERM while it waits ends run with 0, however the program has ended",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(undefined, {
      options: [...OPTIONS, "--restart", "never"],
    });
    await service.says("waits for a connection");
    service.program.signal("SIGTERM");
    const { code } = await service.program.end();
    assertEquals(code, 0);
    assertEquals(starts(service), 0);
  },
});

Deno.test({
  name:
    "after exit code 0 it waits for the next connection, also with --restart never, which ends run after another exit code",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(undefined, {
      options: [...OPTIONS, "--restart", "never"],
    });
    const first = await service.ask("/end");
    await service.says("ended with exit code 0");
    await service.says("waits for a connection");
    assertEquals(starts(service), 1);
    await service.plan({ name: "v2", ready: "notify", code: 3 });
    const second = await service.ask("/end");
    assertNotEquals(second.pid, first.pid);
    assertEquals((await service.program.end()).code, 3);
  },
});

Deno.test({
  name:
    "exit code 0 before the program is ready means to wait, too, without a pause after it has accepted a connection",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(
      { name: "v1" },
      { options: ["--ready", "delay:1m", "--on-demand"] },
    );
    // The next connection is there before the program has ended.
    for (let round = 0; round < 5; round++) await service.ask("/end");
    await service.says("generation 5: process");
    assert(!service.program.errors.text.includes("again"));
  },
});

for (const crash of [0, 7]) {
  Deno.test({
    name:
      `a program that ends with exit code ${crash} and leaves the connection in the queue is started after pauses, at most as often as --max-restarts`,
    ignore,
    fn: async () => {
      await using service = await Supervised.start(
        { name: "v1", crash },
        { options: [...OPTIONS, "--max-restarts", "2"] },
      );
      using _waiting = await Deno.connect({ port: service.port });
      const { code, errors } = await service.program.end();
      assertEquals(code, crash);
      assertEquals(starts(service), 3);
      const what = crash === 0
        ? "waiting for a connection again"
        : "restarting";
      assertStringIncludes(errors, `${what} at once`);
      assertStringIncludes(errors, `${what} in 250 ms`);
      assertStringIncludes(errors, "2 restarts have failed (--max-restarts)");
    },
  });
}

Deno.test("--on-demand: a datagram starts the program, and a connection to a UNIX socket does", async () => {
  for (
    const [address, client] of [
      ["udp://127.0.0.1:0", "datagram"],
      ["unix:PATH", "connection"],
    ] as const
  ) {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const path = scratch.join("socket");
    await using run = startClient(daemon, [
      "run",
      "--on-demand",
      address.replace("PATH", path),
      "--",
      "sh",
      "-c",
      "echo started; while :; do sleep 0.1; done",
    ]);
    await run.errors.next("waits for a connection");
    using session = await daemon.session();
    using _sender = client === "connection"
      ? await Deno.connect({ transport: "unix", path })
      : sendDatagram(await session.bind(address));
    await run.output.next("started");
    assertEquals(run.output.text, "started");
    run.signal("SIGTERM");
    await run.end();
  }
});

function sendDatagram(to: Binding): Disposable {
  using binding = to;
  const address = localAddress(binding.fd);
  const sender = newSocket(address, "datagram");
  assertEquals(tryConnect(sender.fd, address), 0);
  send(sender.fd, new Uint8Array(1));
  return sender;
}

Deno.test("--on-demand: a program that does not exist ends run with 127 before there is a connection", async () => {
  await using daemon = await Daemon.start();
  const { code, errors } = await runClient(daemon, [
    "run",
    "--on-demand",
    "127.0.0.1:0",
    "--",
    treePath("tests/no_such_program"),
  ]);
  assertEquals(code, 127);
  assertStringIncludes(errors, "cannot start");
});

Deno.test("--idle without --on-demand, a limit of 0, and --on-demand with --workers are usage errors", async () => {
  for (
    const [options, message] of [
      [["--idle", "10m"], "--idle needs --on-demand"],
      [["--on-demand", "--idle", "0s"], "invalid --idle 0s"],
      [["--on-demand", "--workers", "2"], "omit --workers"],
    ] as const
  ) {
    const args = ["run", ...options, "127.0.0.1:0", "--", "true"];
    const { code, errors } = await runClient(undefined, args);
    assertEquals(code, 2);
    assertStringIncludes(errors, message);
  }
});
