import { assert } from "@std/assert";
import type { NotificationSocket } from "../../../ffi/systemd/notification_socket.ts";
import { waitReady } from "../../../ffi/files/readiness.ts";
import { PATIENCE } from "../eventually.ts";

/** The next message to the service manager that has `part`. */
export async function notified(
  socket: NotificationSocket,
  part: string,
): Promise<{ pid: number; assignments: string[] }> {
  while (true) {
    assert(await waitReady(socket.fd, "read", PATIENCE), `no ${part}`);
    const { assignments, sender } = socket.receive()!;
    if (assignments.some((each) => each.includes(part))) {
      return { pid: sender.pid, assignments };
    }
  }
}
