import { assert, assertEquals } from "@std/assert";
import { waitReady } from "../../ffi/files/readiness.ts";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";
import { Scratch } from "../support/tree.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

/** WATCHDOG_USEC: a message each 50 ms. */
const TIMEOUT = "100000";

/** Starts a program with its PID as WATCHDOG_PID. */
const WATCHED = ["sh", "-c", 'export WATCHDOG_PID=$$; exec "$@"', "sh"];

/** A service manager. */
class Manager implements AsyncDisposable {
  private constructor(
    readonly scratch: Scratch,
    readonly socket: NotificationSocket,
  ) {}

  static async start(): Promise<Manager> {
    const scratch = await Scratch.make();
    return new Manager(scratch, new NotificationSocket(scratch.join("notify")));
  }

  /** The variables of a service. */
  get env(): Record<string, string> {
    return { NOTIFY_SOCKET: this.socket.name, WATCHDOG_USEC: TIMEOUT };
  }

  /** Waits for so many further WATCHDOG=1, all of this process. */
  async hears(pid: number, count: number): Promise<void> {
    for (let heard = 0; heard < count;) {
      assert(
        await waitReady(this.socket.fd, "read", PATIENCE),
        "no WATCHDOG=1",
      );
      const { assignments, sender } = this.socket.receive()!;
      if (!assignments.includes("WATCHDOG=1")) continue;
      assertEquals(sender.pid, pid);
      heard++;
    }
  }

  /** The messages that have arrived. */
  received(): string[] {
    const all: string[] = [];
    for (let each; (each = this.socket.receive()) !== undefined;) {
      all.push(...each.assignments);
    }
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket[Symbol.dispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

for (
  const [named, under] of [["names it", WATCHED], ["is not set", []]] as const
) {
  Deno.test(`the daemon sends WATCHDOG=1, also after a re-exec, if WATCHDOG_PID ${named}`, async () => {
    await using manager = await Manager.start();
    await using daemon = await Daemon.start({ env: manager.env, under });
    await manager.hears(daemon.pid, 3);
    await daemon.reexec();
    await daemon.reexec();
    manager.received();
    await manager.hears(daemon.pid, 3);
    await daemon.stop();
  });
}

for (
  const [what, env] of Object.entries<Record<string, string>>({
    "WATCHDOG_PID names another process": { WATCHDOG_PID: "1" },
    "WATCHDOG_USEC is 0": { WATCHDOG_USEC: "0" },
    "WATCHDOG_USEC is not a number": { WATCHDOG_USEC: "often" },
  })
) {
  Deno.test(`the daemon does not send WATCHDOG=1 if ${what}`, async () => {
    await using manager = await Manager.start();
    await using daemon = await Daemon.start({
      env: { ...manager.env, ...env },
    });
    await daemon.reexec();
    await daemon.stop();
    const received = manager.received();
    assert(received.includes("READY=1") && received.includes("STOPPING=1"));
    assert(!received.includes("WATCHDOG=1"), received.join(" "));
  });
}

Deno.test("run sends WATCHDOG=1, before it is ready too, and its program has no variable of the service manager", async () => {
  await using manager = await Manager.start();
  await using daemon = await Daemon.start();
  await using program = startClient(
    daemon,
    [
      ...["run", "--ready", "delay:600s", "127.0.0.1:0", "--"],
      ...[
        "sh",
        "-c",
        'echo "<$WATCHDOG_USEC$WATCHDOG_PID$FDSTORE$NOTIFY_SOCKET>"; exec sleep 600',
      ],
    ],
    { env: { ...manager.env, FDSTORE: "7" }, under: WATCHED },
  );
  assertEquals(await program.output.next("<"), "<>");
  manager.received();
  await manager.hears(program.pid, 3);
  program.signal("SIGTERM");
  await program.end();
});

Deno.test("run sends WATCHDOG=1 while it waits for the daemon", async () => {
  await using manager = await Manager.start();
  await using program = startClient(
    undefined,
    [
      ...["run", "--sock", manager.scratch.join("later"), "--timeout", "600s"],
      ...["127.0.0.1:0", "--", "true"],
    ],
    { env: manager.env },
  );
  await manager.hears(program.pid, 3);
  program.signal("SIGTERM");
  await program.end();
});

Deno.test({
  name: "the HAProxy wrapper sends WATCHDOG=1",
  ignore: await lacks("haproxy"),
  fn: async () => {
    await using manager = await Manager.start();
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      env: manager.env,
    });
    manager.received();
    await manager.hears(haproxy.program.pid, 3);
  },
});

Deno.test("the daemon sends WATCHDOG=1 while it checks a new version", async () => {
  await using manager = await Manager.start();
  const variables = Object.entries(manager.env).map((entry) => entry.join("="));
  await using daemon = await CopiedDaemon.start({
    under: ["env", ...variables],
  });
  await daemon.source.write("setInterval(() => {}, 60_000);");
  daemon.program.signal("SIGUSR1");
  await daemon.hasChildren(1);
  manager.received();
  await manager.hears(daemon.pid, 3);
  await daemon.hasChildren(1);
  await daemon.stop();
});
