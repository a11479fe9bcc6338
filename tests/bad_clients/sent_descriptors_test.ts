import { assertEquals, assertThrows } from "@std/assert";
import { Descriptor } from "../../ffi/files/descriptor.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import {
  receiveDescriptors,
  refuseDescriptors,
  sendDescriptors,
} from "../../ffi/sockets/descriptor_passing.ts";
import { Daemon } from "../support/daemon.ts";
import { connectedPair } from "../support/ffi/connected_pair.ts";
import { lacks, startForeign } from "../support/foreign_program.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { stopped } from "../support/process_life.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const encoder = new TextEncoder();
const request = encoder.encode(requestText(1, "status"));

/** Whether the kernel has SO_PASSRIGHTS: Linux 6.16 and newer. */
function canRefuse(): boolean {
  using pair = connectedPair();
  refuseDescriptors(pair.far.fd);
  try {
    sendDescriptors(pair.near.fd, request, [pair.near.fd]);
  } catch (error) {
    if (error instanceof OsError && error.errno === Errno.EPERM) return true;
    throw error;
  }
  for (const fd of receiveDescriptors(pair.far.fd)?.descriptors ?? []) {
    new Descriptor(fd).close();
  }
  return false;
}

async function closesDescriptors(): Promise<void> {
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  {
    using connection = RawConnection.open(daemon.sock);
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
}

async function assertRefuses(connection: RawConnection): Promise<void> {
  const send = () => sendDescriptors(connection.fd, request, [connection.fd]);
  const { errno } = assertThrows(send, OsError);
  assertEquals(errno, Errno.EPERM);
  await connection.send(requestText(1, "status"));
  assertEquals((await connection.answer()).id, 1);
}

async function staysRefused(): Promise<void> {
  await using daemon = await Daemon.start();
  using first = RawConnection.open(daemon.sock);
  await assertRefuses(first);
  await daemon.reexec();
  await assertRefuses(first);
  using second = RawConnection.open(daemon.sock);
  await assertRefuses(second);
}

async function doesNotWait(): Promise<void> {
  await using daemon = await Daemon.start();
  await stopped(daemon.pid);
  await using client = startForeign("send_lingering.py", daemon.sock);
  assertEquals(await client.output.next("sent"), '{"sent": false}');
  daemon.program.signal("SIGCONT");
  assertEquals((await daemon.status()).pid, daemon.pid);
}

if (canRefuse()) {
  Deno.test(
    "the kernel refuses descriptors that a client sends, also after a re-exec, and the client is served",
    staysRefused,
  );
  Deno.test(
    "a client cannot have the daemon wait for the close of a descriptor",
    { ignore: await lacks("python3") },
    doesNotWait,
  );
} else {
  Deno.test("descriptors that a client sends are closed", closesDescriptors);
}
