import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { ask, RawConnection, requestText } from "../support/raw_connection.ts";

const PARAMS = [{ address: "127.0.0.1", port: 0 }];
const BIND = requestText(1, "bind", PARAMS);

/** A batch of requests for one socket, each of which gets a descriptor. */
function batchOf(count: number): string {
  const requests = Array.from(
    { length: count },
    (_, id) => requestText(id, "bind", PARAMS),
  );
  return `[${requests.join(",")}]`;
}

// The kernel counts descriptors in flight for users without these rights.
function under(limit: number): string[] {
  return [
    ...Deno.uid() === 0
      ? [
        "setpriv",
        "--bounding-set=-sys_resource,-sys_admin",
        "--inh-caps=-sys_resource,-sys_admin",
      ]
      : [],
    "prlimit",
    `--nofile=${limit}:${limit}`,
  ];
}

const ignore = await lacks("setpriv", "prlimit");

/** The next line has the whole batch and its descriptors. */
async function assertBatch(
  connection: RawConnection,
  count: number,
): Promise<void> {
  const line = await connection.next();
  const answers: unknown[] = JSON.parse(line?.text ?? "[]");
  assertEquals(
    answers,
    Array.from({ length: count }, (_, id) => ({
      jsonrpc: "2.0",
      id,
      result: true,
    })),
  );
  assertEquals(line?.descriptors.length, count);
}

for (const limit of [600, 1024]) {
  for (const unread of [4, 20]) {
    Deno.test(
      `${unread} clients that do not receive batches of 253 descriptors delay no other client, with a limit of ${limit}`,
      { ignore },
      async () => {
        await using daemon = await Daemon.start({
          under: under(limit),
          args: ["--log-level", "warn"],
        });
        using stack = new DisposableStack();
        const connections = Array.from(
          { length: unread },
          () => stack.use(RawConnection.open(daemon.sock)),
        );
        for (const connection of connections) {
          await connection.send(batchOf(253));
        }
        using session = await connect({ sock: daemon.sock });
        for (let count = 0; count < 50; count++) {
          (await session.bind("127.0.0.1", 0)).close();
        }
        for (let count = 0; count < 20; count++) {
          assertEquals((await ask(daemon.sock, BIND)).result, true);
        }
        // Each of them gets its answer once it receives.
        await Promise.all(connections.map(async (connection) => {
          await assertBatch(connection, 253);
          connection.closeReceived();
        }));
      },
    );
  }
}

Deno.test("a batch is granted while others do not receive theirs", {
  ignore,
}, async () => {
  await using daemon = await Daemon.start({ under: under(1024) });
  using unread = RawConnection.open(daemon.sock);
  using reading = RawConnection.open(daemon.sock);
  await unread.send(batchOf(253));
  await daemon.program.errors.next("INFO bind");
  await reading.send(batchOf(2));
  await assertBatch(reading, 2);
  await assertBatch(unread, 253);
});

Deno.test(
  "400 binds of a client that receives late are all granted, however small the limit of descriptors in flight",
  {
    ignore,
  },
  async () => {
    await using daemon = await Daemon.start({ under: under(100) });
    using connection = RawConnection.open(daemon.sock);
    await connection.send(BIND.repeat(400));
    await daemon.program.errors.next("INFO bind");
    const answers = await connection.answers(400);
    assert(answers.every(({ result }) => result === true));
  },
);

Deno.test(
  "a client that shuts down its side still counts until it has received its descriptors",
  {
    ignore,
  },
  async () => {
    await using daemon = await Daemon.start({
      under: under(256),
      args: ["--log-level", "warn"],
    });
    using stack = new DisposableStack();
    const connections = Array.from(
      { length: 10 },
      () => stack.use(RawConnection.open(daemon.sock)),
    );
    for (const connection of connections) {
      await connection.send(batchOf(100));
      connection.endWriting();
    }
    for (let count = 0; count < 10; count++) {
      assertEquals((await ask(daemon.sock, BIND)).result, true);
    }
    await Promise.all(connections.map(async (connection) => {
      await assertBatch(connection, 100);
      assertEquals(await connection.next(), undefined);
    }));
  },
);

Deno.test(
  "descriptors that a client has not received are still bounded after a re-exec",
  {
    ignore,
  },
  async () => {
    await using daemon = await Daemon.start({ under: under(600) });
    using unread = RawConnection.open(daemon.sock);
    await unread.send(batchOf(253) + requestText("next", "bind", PARAMS));
    await daemon.program.errors.next("INFO bind");
    await daemon.reexec();
    assertEquals((await ask(daemon.sock, BIND)).result, true);
    await assertBatch(unread, 253);
    assertEquals((await unread.answer()).id, "next");
  },
);
