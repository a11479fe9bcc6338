import { assertEquals, assertRejects } from "@std/assert";
import { bind, BindError, connect } from "../../client.ts";
import { type Answer, ErrorCode } from "../../protocol.ts";
import { serve } from "../../server.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

const STATUS = requestText(1, "status");
const THREE = { args: ["--max-clients", "3"] };

/** A client that the daemon has accepted. */
async function letIn(sock: string): Promise<RawConnection> {
  const connection = RawConnection.open(sock);
  await connection.send(STATUS);
  assertEquals((await connection.answer()).error, undefined);
  return connection;
}

/** Three of them, as many as there may be. */
async function letInThree(
  sock: string,
  stack: DisposableStack,
): Promise<RawConnection[]> {
  const inside: RawConnection[] = [];
  while (inside.length < 3) inside.push(stack.use(await letIn(sock)));
  return inside;
}

/** What the daemon sends to a client before it disconnects it. */
async function refusal(sock: string, said = ""): Promise<Answer> {
  using connection = RawConnection.open(sock);
  await connection.send(said);
  const [answer, ...more] = await connection.answersToEnd();
  assertEquals(more, []);
  return answer ?? {};
}

Deno.test("a client beyond --max-clients is answered 10003 and disconnected", async () => {
  await using daemon = await Daemon.start(THREE);
  const { sock } = daemon;
  using stack = new DisposableStack();
  const inside = await letInThree(sock, stack);
  for (const said of ["", "{", STATUS, STATUS.repeat(100), "garbage"]) {
    const { jsonrpc, id, error } = await refusal(sock, said);
    assertEquals([jsonrpc, id, error?.code], [
      "2.0",
      null,
      ErrorCode.LIMIT_REACHED,
    ]);
    assertEquals(error?.message.includes("--max-clients"), true);
  }
  for (const connection of inside) {
    await connection.send(STATUS);
    const { result } = await connection.answer();
    const { clients, refused, limits } = result as {
      clients: number;
      refused: { clients: number };
      limits: { clients: number };
    };
    assertEquals([clients, refused.clients, limits.clients], [3, 5, 3]);
  }
});

Deno.test("a client is accepted after another one has disconnected", async () => {
  await using daemon = await Daemon.start({ args: ["--max-clients=1"] });
  const { sock } = daemon;
  for (let round = 0; round < 5; round++) {
    using inside = await letIn(sock);
    assertEquals((await refusal(sock)).error?.code, ErrorCode.LIMIT_REACHED);
    inside.endWriting();
    assertEquals(await inside.next(), undefined);
  }
  using last = await letIn(sock);
  await last.send(STATUS);
  const { result } = await last.answer();
  assertEquals((result as { clients: number }).clients, 1);
});

Deno.test("refused clients leak no descriptor", async () => {
  await using daemon = await Daemon.start(THREE);
  const { sock } = daemon;
  const before = await openIn(daemon.pid);
  {
    using stack = new DisposableStack();
    await letInThree(sock, stack);
    for (let count = 0; count < 200; count++) await refusal(sock);
  }
  // No other client is accepted until the three have disconnected.
  await eventually("a free slot", async () => {
    const { error } = await refusalOrStatus(sock);
    return error === undefined;
  });
  await assertOpen(daemon.pid, before);
});

async function refusalOrStatus(sock: string): Promise<Answer> {
  using connection = RawConnection.open(sock);
  await connection.send(STATUS);
  return await connection.answer();
}

Deno.test("the error of the client library says that the limit is reached", async () => {
  await using daemon = await Daemon.start(THREE);
  const { sock } = daemon;
  using stack = new DisposableStack();
  const inside = await letInThree(sock, stack);
  const error = await assertRejects(() => bind(":0", { sock }), BindError);
  assertEquals(error.code, ErrorCode.LIMIT_REACHED);
  using session = await connect({ sock });
  await assertRejects(() => session.status(), BindError);
  for (const connection of inside) connection[Symbol.dispose]();
  await eventually("the session is let in", async () => {
    try {
      return (await session.status()).clients === 1;
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      return false;
    }
  });
});

Deno.test("--max-clients and the connected clients survive a re-exec", async () => {
  await using daemon = await Daemon.start(THREE);
  const { sock } = daemon;
  using stack = new DisposableStack();
  const inside = await letInThree(sock, stack);
  await daemon.reexec();
  assertEquals((await refusal(sock)).error?.code, ErrorCode.LIMIT_REACHED);
  for (const connection of inside) {
    await connection.send(STATUS);
    assertEquals((await connection.answer()).error, undefined);
  }
});

Deno.test("without --max-clients there is no limit", async () => {
  await using daemon = await Daemon.start();
  using stack = new DisposableStack();
  for (let count = 0; count < 300; count++) {
    stack.use(RawConnection.open(daemon.sock));
  }
  const { clients, limits, refused } = await daemon.status();
  assertEquals([clients, limits.clients, refused.clients], [301, 0, 0]);
});

Deno.test("clients that disconnect make room for clients that connect in the same turn", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("control.sock");
  await using server = serve({ path, maxClients: 2, logLevel: "error" });
  // The server's event loop runs while this test waits.
  for (let count = 0; count < 5; count++) {
    RawConnection.open(path)[Symbol.dispose]();
  }
  using _client = await letIn(path);
  assertEquals(server.status().refused.clients, 0);
});
