import { assert, assertEquals, assertMatch } from "@std/assert";
import { NotificationSocket } from "../../ffi/notification_socket.ts";
import { waitReady } from "../../ffi/readiness.ts";
import { PATIENCE } from "../eventually.ts";
import { lacks } from "../foreign_program.ts";
import { Scratch } from "../tree.ts";
import { PYTHON, Supervised } from "./supervised.ts";

const ignore = await lacks(PYTHON);

/** The next thing that the service manager is told, by whom. */
async function told(
  socket: NotificationSocket,
): Promise<{ by: number; assignments: string[] }> {
  assert(await waitReady(socket.fd, "read", PATIENCE));
  const { assignments, sender } = socket.receive()!;
  return { by: sender.pid, assignments };
}

for (const kind of ["path", "abstract"]) {
  Deno.test({
    name:
      `the service manager is told of readiness, reloads, failures and the end (${kind})`,
    ignore,
    fn: async () => {
      await using scratch = await Scratch.make();
      const name = kind === "path"
        ? scratch.join("notify")
        : `@${scratch.path}`;
      using manager = new NotificationSocket(name);
      await using service = await Supervised.serving(
        { name: "v1", ready: "notify" },
        { env: { NOTIFY_SOCKET: name } },
      );
      const by = service.program.pid;
      const { pid } = await service.ask();
      assertEquals(await told(manager), {
        by,
        assignments: [
          "READY=1",
          `STATUS=Generation 1 serves as process ${pid}`,
        ],
      });
      await service.reload({ name: "v2", crash: 1 });
      const reloading = await told(manager);
      assertEquals(reloading.assignments[0], "RELOADING=1");
      assertMatch(reloading.assignments[1]!, /^MONOTONIC_USEC=\d+$/);
      assertEquals((await told(manager)).assignments, [
        "READY=1",
        `STATUS=Generation 1 serves as process ${pid}; the last reload failed`,
      ]);
      await service.reload({ name: "v3", ready: "notify" });
      assertEquals((await told(manager)).assignments[0], "RELOADING=1");
      assertEquals((await told(manager)).assignments[0], "READY=1");
      service.program.signal("SIGTERM");
      assertEquals((await told(manager)).assignments[0], "STOPPING=1");
      await service.program.end();
      assertEquals(manager.receive(), undefined);
    },
  });
}

Deno.test({
  name: "a service manager that is not there is reported and does no harm",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using service = await Supervised.serving(
      { name: "v1", ready: "notify" },
      { env: { NOTIFY_SOCKET: scratch.join("nobody") } },
    );
    assertMatch(
      service.program.errors.text,
      /the service manager is not told: connect .*ENOENT/,
    );
  },
});
