import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { VERSION } from "../../version.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { descriptorsOf, settled } from "../support/process_state.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

Deno.test("status describes the daemon", async () => {
  const before = new Date().toISOString();
  await using daemon = await Daemon.start();
  const after = new Date().toISOString();
  const status = await daemon.status();
  assertEquals(status.version, VERSION);
  assertEquals(status.pid, daemon.pid);
  assertEquals(status.deno, Deno.version.deno);
  assertEquals(status.control_socket, daemon.sock);
  assertEquals(status.generation, 1);
  for (const time of [status.started_at, status.generation_started_at]) {
    assert(ISO_8601.test(time), time);
    assert(before <= time && time <= after, `${before} ${time} ${after}`);
  }
});

Deno.test("status counts binds and clients, including its own client", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  const alone = await session.status();
  assertEquals([alone.binds, alone.clients], [0, 1]);
  using other = RawConnection.open(daemon.sock);
  await other.send(requestText(1, "status"));
  assertEquals((await other.answer()).id, 1);
  using _one = await session.bind("127.0.0.1", 0);
  using _two = await session.bind("127.0.0.2", 0);
  using _again = await session.bind("127.0.0.1", 0);
  const later = await session.status();
  assertEquals([later.binds, later.clients], [2, 2]);
});

Deno.test("status counts open descriptors as the kernel does", async () => {
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  using _web = await session.bind("127.0.0.1", 0);
  await settled(daemon.pid);
  let descriptors = (await session.status()).descriptors;
  // Deno opens its caches for a moment, so one reading is not enough.
  await eventually("the same count twice", async () => {
    ({ descriptors } = await session.status());
    return descriptors.open === (await descriptorsOf(daemon.pid)).size;
  });
  const limits = await Deno.readTextFile(`/proc/${daemon.pid}/limits`);
  const limit = /^Max open files +(\d+)/m.exec(limits)?.[1];
  assertEquals(descriptors.limit, Number(limit));
});
