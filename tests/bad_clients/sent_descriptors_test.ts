import { assertEquals } from "@std/assert";
import { sendDescriptors } from "../../ffi/sockets/descriptor_passing.ts";
import { Daemon } from "../support/daemon.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const encoder = new TextEncoder();

Deno.test("descriptors that a client sends are closed", async () => {
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
    const request = encoder.encode(requestText(1, "status"));
    for (let count = 0; count < 50; count++) {
      const ours = Array<number>(20).fill(connection.fd);
      assertEquals(
        sendDescriptors(connection.fd, request, ours),
        request.length,
      );
      assertEquals((await connection.answer()).id, 1);
    }
    const unfinished = request.subarray(0, 10);
    sendDescriptors(connection.fd, unfinished, [connection.fd]);
  }
  await assertOpen(daemon.pid, before);
});
