import { assert, assertEquals } from "@std/assert";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { PATIENCE } from "../support/eventually.ts";
import { runs } from "../support/process_life.ts";
import { Scratch } from "../support/tree.ts";
import { Group } from "../support/workers/group.ts";

/** The next message to the service manager. */
async function notified(socket: NotificationSocket): Promise<string[]> {
  assert(await waitReady(socket.fd, "read", PATIENCE));
  return socket.receive()!.assignments;
}

Deno.test("run is ready when all workers are, ends a reload once, and ends all workers when it is stopped", async () => {
  await using scratch = await Scratch.make();
  const name = scratch.join("notify");
  using manager = new NotificationSocket(name);
  await using group = await Group.start({
    workers: 3,
    env: { NOTIFY_SOCKET: name },
  });
  for (const count of [1, 2]) {
    const status = `STATUS=${count} of 3 workers serve`;
    assertEquals(await notified(manager), [status]);
  }
  const ready = ["READY=1", "STATUS=3 of 3 workers serve"];
  assertEquals(await notified(manager), ready);
  await group.reload(3);
  assertEquals((await notified(manager))[0], "RELOADING=1");
  assertEquals(await notified(manager), ready);
  const processes = await group.processes(await group.port());
  assertEquals(processes.size, 3);
  group.program.signal("SIGTERM");
  assertEquals((await group.program.end()).code, 0);
  assertEquals((await notified(manager))[0], "STOPPING=1");
  for (const pid of processes.values()) {
    assert(!await runs(pid), `process ${pid}`);
  }
});
