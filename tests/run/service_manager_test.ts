import { assert, assertEquals, assertMatch } from "@std/assert";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
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
