import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { serve } from "../../server.ts";
import type { Status } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { residentMemory } from "../support/process_state.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

const TCP = [{ address: "127.0.0.1", port: 0 }];
const IMPOSSIBLE = [{ address: "192.0.2.1", port: 0 }];

async function statusOn(connection: RawConnection): Promise<Status> {
  await connection.send(requestText(1, "status"));
  return (await connection.answer()).result as Status;
}

Deno.test("status counts requests and errors by method", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const none = { requests: 0, errors: 0 };
  const first = await statusOn(connection);
  assertEquals(first.requests, {
    bind: none,
    list: none,
    release: none,
    // This status request is counted after its answer.
    status: none,
    other: none,
  });
  for (
    const text of [
      requestText(1, "bind", TCP),
      requestText(2, "bind", TCP),
      requestText(3, "bind", IMPOSSIBLE),
      requestText(4, "bind"),
      requestText(5, "list"),
      requestText(6, "list", [1]),
      requestText(7, "release", TCP),
      requestText(8, "release", TCP),
      requestText(9, "status", [1]),
      requestText(10, "toString"),
      requestText(11, "__proto__"),
      `{"jsonrpc":"2.0"}`,
      `{no JSON}`,
      `[]`,
      `[1,2]`,
    ]
  ) {
    await connection.send(text);
    await connection.answer();
  }
  const { requests } = await statusOn(connection);
  assertEquals(requests, {
    bind: { requests: 4, errors: 2 },
    list: { requests: 2, errors: 1 },
    release: { requests: 2, errors: 1 },
    status: { requests: 2, errors: 1 },
    other: { requests: 7, errors: 7 },
  });
});

Deno.test("a request that does not begin with a bracket is counted as an error", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send("GET / HTTP/1.1\r\n");
  await connection.answersToEnd();
  const { requests } = await daemon.status();
  assertEquals(requests.other, { requests: 1, errors: 1 });
});

Deno.test("a new daemon has refused no client and no request", async () => {
  await using daemon = await Daemon.start();
  const { refused, limits, descriptors, policy } = await daemon.status();
  assertEquals(refused, {
    clients: 0,
    clients_per_user: 0,
    idle: 0,
    binds: 0,
    timeouts: 0,
    unread: 0,
    denied: 0,
    descriptors: 0,
  });
  assertEquals(limits, {
    clients: 0,
    clients_per_user: Math.min(1000, descriptors.limit >> 2),
    binds: 0,
    request_timeout_ms: 30_000,
  });
  assertEquals(policy, undefined);
});

Deno.test("a client that does not read its answers is counted", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  using connection = RawConnection.open(daemon.sock);
  const request = requestText(1, "status").repeat(100);
  while (await connection.send(request));
  assertEquals((await daemon.status()).refused.unread, 1);
});

Deno.test("counters start at 0 in each generation", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send(requestText(1, "nothing"));
  await connection.answer();
  await daemon.reexec();
  const { requests } = await statusOn(connection);
  assertEquals(requests.other, { requests: 0, errors: 0 });
});

Deno.test("the result of a server's status() does not change later", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  await using server = serve({ path, logLevel: "error", maxBinds: 1 });
  const before = server.status();
  const said = structuredClone(before);
  using connection = RawConnection.open(path);
  for (const text of [requestText(1, "bind", TCP), requestText(2, "nothing")]) {
    await connection.send(text);
    await connection.answer();
  }
  assertEquals(before, said);
  assertEquals(server.status().requests.bind?.requests, 1);
});

Deno.test("status reports the memory of the process as the kernel does", async () => {
  await using daemon = await Daemon.start();
  const { memory } = await daemon.status();
  const resident = await residentMemory(daemon.pid) * 1024;
  assert(Math.abs(memory.resident_bytes - resident) < 16 * 1024 * 1024);
  assert(memory.heap_bytes > 0 && memory.heap_bytes < memory.resident_bytes);
});

Deno.test("uptime is the time since the start of the first generation", async () => {
  const before = performance.now();
  await using daemon = await Daemon.start();
  using session = await connect({ sock: daemon.sock });
  const first = await session.status();
  assert(first.uptime_seconds >= 0);
  assert(first.uptime_seconds <= (performance.now() - before) / 1000 + 0.1);
  await daemon.reexec();
  const second = await session.status();
  assert(second.uptime_seconds > first.uptime_seconds);
  assert(second.uptime_seconds <= (performance.now() - before) / 1000 + 0.1);
  assertEquals(second.started_at, first.started_at);
});
