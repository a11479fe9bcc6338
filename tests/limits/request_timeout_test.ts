import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "../../client.ts";
import { type Answer, ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

const BIND = requestText(1, "bind", [{ address: "127.0.0.1", port: 0 }]);
const STATUS = requestText(1, "status");

/** Short, but long enough for a busy machine to send a request in time. */
const SHORT = 300;
/** Longer than a busy machine delays a test. */
const MODERATE = 2_000;
const LONG = PATIENCE;

function start(timeout: number | string): Promise<Daemon> {
  const text = typeof timeout === "number" ? `${timeout}ms` : timeout;
  return Daemon.start({ args: ["--request-timeout", text] });
}

function assertLate(answers: Answer[]): void {
  const [answer, ...more] = answers;
  assertEquals(more, []);
  assertEquals([answer?.jsonrpc, answer?.id], ["2.0", null]);
  assertEquals(answer?.error?.code, ErrorCode.INVALID_REQUEST);
  assertStringIncludes(answer?.error?.message ?? "", "not complete within");
}

for (const length of [1, 20, BIND.length - 1]) {
  Deno.test(`a client that sends only ${length} bytes of a request is answered -32600 and disconnected`, async () => {
    await using daemon = await start(SHORT);
    const before = await openIn(daemon.pid);
    {
      using connection = RawConnection.open(daemon.sock);
      const began = performance.now();
      await connection.send(BIND.slice(0, length));
      assertLate(await connection.answersToEnd());
      assert(performance.now() - began >= SHORT - 1);
      const line = await daemon.program.errors.next(
        "request not complete within",
      );
      assertStringIncludes(line, `pid=${Deno.pid}`);
      const { refused, limits } = await daemon.status();
      assertEquals([refused.timeouts, limits.request_timeout_ms], [1, SHORT]);
    }
    await assertOpen(daemon.pid, before);
  });
}

Deno.test("the timeout of a request that is sent byte by byte starts at its first byte", async () => {
  await using daemon = await start(SHORT);
  using connection = RawConnection.open(daemon.sock);
  const bytes = (async () => {
    for (let sent = 0; sent < 10_000; sent++) {
      if (!await connection.send(sent === 0 ? '{"a":"' : "x")) return sent;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error("it was never dropped");
  })();
  assertLate(await connection.answersToEnd());
  await bytes;
});

Deno.test("complete requests before an incomplete one are answered before the timeout", async () => {
  await using daemon = await start(SHORT);
  using connection = RawConnection.open(daemon.sock);
  await connection.send(STATUS + BIND + BIND.slice(0, 10));
  const answers = await connection.answersToEnd();
  assertEquals(answers.length, 3);
  assert(answers[0]?.result !== undefined);
  assertEquals(answers[1]?.result, true);
  assertLate(answers.slice(2));
});

Deno.test("50 incomplete requests time out while other clients are served", async () => {
  await using daemon = await start(SHORT);
  using stack = new DisposableStack();
  const connections = Array.from(
    { length: 50 },
    () => stack.use(RawConnection.open(daemon.sock)),
  );
  for (const [index, connection] of connections.entries()) {
    await connection.send(BIND.slice(0, 1 + index));
  }
  using session = await connect({ sock: daemon.sock });
  (await session.bind("127.0.0.1", 0)).close();
  for (const connection of connections) {
    assertLate(await connection.answersToEnd());
  }
  assertEquals((await session.status()).refused.timeouts, 50);
});

Deno.test("a client that is idle or sends white space does not time out", async () => {
  await using daemon = await start(SHORT);
  using idle = RawConnection.open(daemon.sock);
  using spaces = RawConnection.open(daemon.sock);
  using served = RawConnection.open(daemon.sock);
  await spaces.send(" \n\r\t");
  await served.send(STATUS + "\n");
  await served.answer();
  {
    using late = RawConnection.open(daemon.sock);
    await late.send("{");
    assertLate(await late.answersToEnd());
  }
  for (const connection of [idle, spaces, served]) {
    await connection.send(STATUS);
    assert((await connection.answer()).result !== undefined);
  }
  assertEquals((await daemon.status()).refused.timeouts, 1);
});

Deno.test("a client that completes each request in time does not time out", async () => {
  await using daemon = await start(MODERATE);
  using connection = RawConnection.open(daemon.sock);
  const half = STATUS.length >> 1;
  await connection.send(STATUS.slice(0, half));
  const began = performance.now();
  let answered = 0;
  while (performance.now() - began < 1.2 * MODERATE) {
    await connection.send(STATUS.slice(half) + STATUS.slice(0, half));
    assert((await connection.answer()).result !== undefined);
    answered++;
    await new Promise((resolve) => setTimeout(resolve, MODERATE / 20));
  }
  assert(answered > 4);
  assertEquals((await daemon.status()).refused.timeouts, 0);
});

Deno.test("a client that does not read answers does not time out", async () => {
  await using daemon = await start(SHORT);
  using unread = RawConnection.open(daemon.sock);
  await unread.send(STATUS.repeat(600));
  {
    using late = RawConnection.open(daemon.sock);
    await late.send("{");
    assertLate(await late.answersToEnd());
  }
  const answers = await unread.answers(600);
  assert(answers.every(({ result }) => result !== undefined));
});

Deno.test("--request-timeout 0 disables the timeout", async () => {
  await using daemon = await start("0");
  assertEquals((await daemon.status()).limits.request_timeout_ms, 0);
  using connection = RawConnection.open(daemon.sock);
  await connection.send(BIND.slice(0, 10));
  await daemon.reexec();
  await new Promise((resolve) => setTimeout(resolve, SHORT));
  await connection.send(BIND.slice(10));
  assertEquals((await connection.answer()).result, true);
});

Deno.test("the default timeout is 30 s", async () => {
  await using daemon = await Daemon.start();
  assertEquals((await daemon.status()).limits.request_timeout_ms, 30_000);
});

Deno.test("a request can be completed after a re-exec", async () => {
  await using daemon = await start(LONG);
  using connection = RawConnection.open(daemon.sock);
  for (let sent = 0; sent < 30; sent += 10) {
    await connection.send(BIND.slice(sent, sent + 10));
    await daemon.reexec();
  }
  await connection.send(BIND.slice(30));
  assertEquals((await connection.answer()).result, true);
});

Deno.test("after a re-exec the timeout of an incomplete request starts again", async () => {
  // Longer than the check of the next version takes on a busy machine.
  await using daemon = await start(2 * MODERATE);
  using connection = RawConnection.open(daemon.sock);
  await connection.send(BIND.slice(0, 10));
  await eventually(
    "the daemon has it",
    async () => (await daemon.status()).clients === 2,
  );
  const began = performance.now();
  await daemon.reexec();
  assertLate(await connection.answersToEnd());
  assert(performance.now() - began >= 2 * MODERATE - 1);
  const { refused, generation } = await daemon.status();
  assertEquals([refused.timeouts, generation], [1, 2]);
});

Deno.test("a complete request does not time out, however long it takes", async () => {
  await using daemon = await start(SHORT);
  using connection = RawConnection.open(daemon.sock);
  const byName = requestText(2, "bind", [{ address: "localhost", port: 0 }]);
  await connection.send(byName.repeat(200) + STATUS.slice(0, 5));
  for (let count = 0; count < 200; count++) {
    assertEquals((await connection.answer()).result, true);
  }
  assertLate(await connection.answersToEnd());
});
