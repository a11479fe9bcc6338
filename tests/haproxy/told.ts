import { assert } from "@std/assert";
import type { NotificationSocket } from "../../ffi/notification_socket.ts";
import { waitReady } from "../../ffi/readiness.ts";
import { PATIENCE } from "../eventually.ts";

/** What the service manager is told, from the next message with `part` on. */
export async function told(
  socket: NotificationSocket,
  part: string,
): Promise<{ by: number; assignments: string[] }> {
  while (true) {
    assert(await waitReady(socket.fd, "read", PATIENCE), `no ${part}`);
    const { assignments, sender } = socket.receive()!;
    if (assignments.some((each) => each.includes(part))) {
      return { by: sender.pid, assignments };
    }
  }
}
