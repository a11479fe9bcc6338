import { assert, assertEquals, assertRejects } from "@std/assert";
import { BindError, connect, type Session } from "../../client.ts";
import { ErrorCode, type Status } from "../../protocol.ts";
import { Connections } from "../support/bad_clients/connections.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const LIMIT = 64;

const ignore = await lacks("prlimit");

function startLimited(): Promise<Daemon> {
  return Daemon.start({ under: ["prlimit", `--nofile=${LIMIT}:${LIMIT}`] });
}

/** Connects until the daemon refuses a client, which is the last one. */
async function connectUntilRefused(sock: string): Promise<Connections> {
  using opened = new DisposableStack();
  const connections = opened.use(new Connections(sock));
  while (connections.all.length <= LIMIT) {
    const connection = connections.open();
    await connection.send("{}");
    const { error } = await connection.answer();
    if (error?.code === ErrorCode.NO_DESCRIPTORS) {
      opened.move();
      return connections;
    }
    assertEquals(error?.code, ErrorCode.INVALID_REQUEST);
  }
  throw new Error(`${LIMIT} clients and none refused`);
}

/** Whether a bind is granted. The only accepted error is 10002. */
async function bindsNow(session: Session, address: string): Promise<boolean> {
  try {
    (await session.bind(address, 0)).close();
    return true;
  } catch (error) {
    assert(error instanceof BindError);
    assertEquals(error.code, ErrorCode.NO_DESCRIPTORS);
    return false;
  }
}

Deno.test(
  "a client is answered 10002 and disconnected if no descriptor is left",
  {
    ignore,
  },
  async () => {
    await using daemon = await startLimited();
    using connections = await connectUntilRefused(daemon.sock);
    assertEquals(await connections.all.at(-1)?.next(), undefined);
    using another = RawConnection.open(daemon.sock);
    const [answer, ...more] = await another.answersToEnd();
    assertEquals([answer?.jsonrpc, answer?.id], ["2.0", null]);
    assertEquals(answer?.error?.code, ErrorCode.NO_DESCRIPTORS);
    assertEquals(more, []);
    const [first] = connections.all;
    await first?.send("{}");
    assertEquals(
      (await first?.answer())?.error?.code,
      ErrorCode.INVALID_REQUEST,
    );
  },
);

Deno.test(
  "without a descriptor a new bind is answered 10002 and a held socket is handed out",
  {
    ignore,
  },
  async () => {
    await using daemon = await startLimited();
    using session = await connect({ sock: daemon.sock });
    using held = await session.bind("127.0.0.1", 0);
    using _connections = await connectUntilRefused(daemon.sock);
    const error = await assertRejects(
      () => session.bind("127.0.0.2", 0),
      BindError,
    );
    assertEquals(error.code, ErrorCode.NO_DESCRIPTORS);
    assertEquals(error.data, {
      errno: 24,
      code: "EMFILE",
      syscall: "socket",
    });
    using again = await session.bind("127.0.0.1", 0);
    assertEquals(again.addr, held.addr);
  },
);

Deno.test(
  "status counts the descriptors while clients are refused, and some stay free",
  {
    ignore,
  },
  async () => {
    await using daemon = await startLimited();
    using asking = RawConnection.open(daemon.sock);
    using _connections = await connectUntilRefused(daemon.sock);
    for (let id = 0; id < 10; id++) {
      await asking.send(requestText(id, "status"));
      const answer = await asking.answer();
      assertEquals(answer.id, id);
      const { descriptors } = answer.result as Status;
      assertEquals(descriptors.limit, LIMIT);
      const free = descriptors.limit - descriptors.open;
      assert(free >= 16 && free <= 20, `${free} are free`);
    }
  },
);

Deno.test(
  "a bind of a name without a free descriptor is answered with an error",
  {
    ignore,
  },
  async () => {
    await using daemon = await startLimited();
    using asking = RawConnection.open(daemon.sock);
    {
      using _connections = await connectUntilRefused(daemon.sock);
      const params = [{ address: "localhost", port: 0 }];
      await asking.send(requestText(1, "bind", params));
      const { id, error } = await asking.answer();
      assertEquals(id, 1);
      assert(error !== undefined);
    }
    await asking.send("{}");
    const { error } = await asking.answer();
    assertEquals(error?.code, ErrorCode.INVALID_REQUEST);
  },
);

Deno.test("the daemon recovers after clients have disconnected", {
  ignore,
}, async () => {
  await using daemon = await startLimited();
  const idle = await openIn(daemon.pid);
  using session = await connect({ sock: daemon.sock });
  for (let round = 0; round < 3; round++) {
    {
      using _connections = await connectUntilRefused(daemon.sock);
    }
    const address = `127.0.0.${2 + round}`;
    await eventually("a bind", () => bindsNow(session, address));
  }
  // The session and three binds.
  await assertOpen(daemon.pid, idle, 1 + 3);
  assertEquals((await session.status()).binds, 3);
});

Deno.test("a flood of clients beyond the limit leaks no descriptor", {
  ignore,
}, async () => {
  await using daemon = await startLimited();
  const before = await openIn(daemon.pid);
  {
    using connections = new Connections(daemon.sock, 5 * LIMIT);
    for (const connection of connections.all) await connection.send("{}");
    for (const connection of connections.all) {
      assert((await connection.answer()).error !== undefined);
    }
  }
  await assertOpen(daemon.pid, before);
  assertEquals((await daemon.status()).binds, 0);
});
