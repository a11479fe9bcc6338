import { assert, assertEquals, assertMatch } from "@std/assert";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { Scratch } from "../support/tree.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

/** The next message to the service manager, and its sender. */
async function notified(
  socket: NotificationSocket,
): Promise<{ pid: number; assignments: string[] }> {
  assert(await waitReady(socket.fd, "read", PATIENCE));
  const { assignments, sender } = socket.receive()!;
  return { pid: sender.pid, assignments };
}

for (const kind of ["path", "abstract"]) {
  Deno.test({
    name:
      `the service manager is notified of readiness, reloads, failures and the stop (${kind})`,
    ignore,
    fn: async () => {
      await using scratch = await Scratch.make();
      const name = kind === "path"
        ? scratch.join("notify")
        : `@${scratch.path}`;
      using manager = new NotificationSocket(name);
      await using service = await Supervised.serving(undefined, {
        env: { NOTIFY_SOCKET: name },
      });
      const { pid } = await service.ask();
      assertEquals(await notified(manager), {
        pid: service.program.pid,
        assignments: [
          "READY=1",
          `STATUS=Generation 1 serves as process ${pid}`,
        ],
      });
      await service.reload({ name: "v2", crash: 1 });
      const reloading = await notified(manager);
      assertEquals(reloading.assignments[0], "RELOADING=1");
      assertMatch(reloading.assignments[1]!, /^MONOTONIC_USEC=\d+$/);
      assertEquals((await notified(manager)).assignments, [
        "READY=1",
        `STATUS=Generation 1 serves as process ${pid}; the last reload failed`,
      ]);
      await service.reload({ name: "v3", ready: "notify" });
      assertEquals((await notified(manager)).assignments[0], "RELOADING=1");
      assertEquals((await notified(manager)).assignments[0], "READY=1");
      service.program.signal("SIGTERM");
      assertEquals((await notified(manager)).assignments[0], "STOPPING=1");
      await service.program.end();
      assertEquals(manager.receive(), undefined);
    },
  });
}

Deno.test({
  name: "a missing service manager is reported, and the program is started",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using service = await Supervised.serving(undefined, {
      env: { NOTIFY_SOCKET: scratch.join("nobody") },
    });
    await service.program.errors.sees("cannot notify");
    assertMatch(
      service.program.errors.text,
      /cannot notify the service manager: connect .*ENOENT/,
    );
  },
});

/** Sends as many STATUS=, and after SIGUSR1 more without end. */
const FLOOD = 3_000;
const FLOODING = `import os, signal, socket
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.connect(os.environ["NOTIFY_SOCKET"])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
manager.send(b"READY=1")
while "serves" not in open(os.environ["SAID"]).read():
    pass
for number in range(${FLOOD}):
    manager.send(b"STATUS=%d" % number)
print("sent", flush=True)
signal.sigwait([signal.SIGUSR1])
print("floods", flush=True)
while True:
    manager.send(b"STATUS=endless")
`;

Deno.test({
  name:
    "of a flood of STATUS= the service manager gets little, and the newest; run reloads and ends meanwhile",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    const name = scratch.join("notify");
    const said = scratch.join("said");
    await Deno.writeTextFile(said, "");
    using manager = new NotificationSocket(name);
    await using run = startClient(daemon, [
      ...["run", "--ready", "notify", "127.0.0.1:0"],
      ...["--", PYTHON, "-c", FLOODING],
    ], { env: { NOTIFY_SOCKET: name, SAID: said } });
    await run.errors.next("generation 1: ready");
    await Deno.writeTextFile(said, "serves");
    // Nobody reads for the service manager meanwhile.
    await run.output.next("sent");
    let count = 0;
    for (let last = ""; last !== `STATUS=${FLOOD - 1}`; count++) {
      last = (await notified(manager)).assignments.at(-1)!;
    }
    assert(count < FLOOD / 10, `${count} messages`);
    assertEquals(run.errors.text.includes("cannot notify"), false);
    run.signal("SIGUSR1");
    await run.output.next("floods");
    run.signal("SIGHUP");
    await run.errors.next("generation 2: ready");
    await run.errors.next("generation 1: process");
    run.signal("SIGTERM");
    assertEquals((await run.end()).signal, "SIGTERM");
  },
});
