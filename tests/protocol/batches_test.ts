import { assert, assertEquals } from "@std/assert";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { type Answer, ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { RawConnection, requestText } from "../support/raw_connection.ts";

/** The kernel's limit of descriptors in one message (SCM_MAX_FD). */
const MOST = 253;

function bindRequest(id: unknown, address: string): string {
  return requestText(id, "bind", [{ address, port: 0 }]);
}

function batchText(requests: readonly string[]): string {
  return `[${requests.join(",")}]`;
}

async function askBatch(
  connection: RawConnection,
  requests: readonly string[],
) {
  await connection.send(batchText(requests));
  const line = await connection.next();
  assert(line !== undefined);
  const answers: Answer | Answer[] = JSON.parse(line.text);
  return { answers, descriptors: line.descriptors };
}

function hosts(descriptors: readonly number[]): unknown[] {
  return descriptors.map((fd) => {
    const address = localAddress(fd);
    return address.family === "unix" ? address.path : address.host;
  });
}

Deno.test("the answer to a batch is one line, with answers and descriptors in order", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const { answers, descriptors } = await askBatch(connection, [
    bindRequest("a", "127.0.0.2"),
    bindRequest("b", "127.0.0.1"),
    bindRequest("c", "localhost"),
    bindRequest("d", "127.0.0.3"),
  ]);
  assertEquals(
    answers,
    ["a", "b", "c", "d"].map((id) => ({ jsonrpc: "2.0", id, result: true })),
  );
  assertEquals(
    hosts(descriptors),
    ["127.0.0.2", "127.0.0.1", "127.0.0.1", "127.0.0.3"],
  );
});

Deno.test("a failed request other than bind does not affect the binds of its batch", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const { answers, descriptors } = await askBatch(connection, [
    bindRequest(1, "127.0.0.2"),
    requestText(2, "release", [{ address: "127.0.0.9", port: 1 }]),
    requestText(3, "nothing"),
    "17",
    "[]",
    bindRequest(undefined, "127.0.0.3"),
    requestText(7, "status"),
  ]);
  assert(Array.isArray(answers));
  assertEquals(answers.map(({ id, error }) => [id, error?.code]), [
    [1, undefined],
    [2, ErrorCode.NO_SUCH_BIND],
    [3, ErrorCode.METHOD_NOT_FOUND],
    [null, ErrorCode.INVALID_REQUEST],
    [null, ErrorCode.INVALID_REQUEST],
    [null, undefined],
    [7, undefined],
  ]);
  assertEquals(hosts(descriptors), ["127.0.0.2", "127.0.0.3"]);
});

Deno.test("a batch of errors is answered as a batch", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const { answers, descriptors } = await askBatch(connection, ["1", "2"]);
  assert(Array.isArray(answers));
  assertEquals(
    answers.map(({ error }) => error?.code),
    [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST],
  );
  assertEquals(descriptors, []);
});

Deno.test("a batch may ask for 253 sockets", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const ids = Array.from({ length: MOST }, (_, index) => index);
  const requests = ids.map((id) => bindRequest(id, "127.0.0.1"));
  const { answers, descriptors } = await askBatch(connection, requests);
  assert(Array.isArray(answers));
  assertEquals(answers.map(({ id }) => id), ids);
  assertEquals(descriptors.length, MOST);
});

Deno.test("an answer longer than the socket buffer arrives whole, with its descriptors once", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const text = "x".repeat(560);
  const requests = [bindRequest(0, "127.0.0.1")];
  for (let id = 1; id < 100; id++) {
    requests.push(requestText(`${id}${text}`, "status"));
  }
  const line = batchText(requests);
  const batches = 5;
  await connection.send(line.repeat(batches));
  for (let batch = 0; batch < batches; batch++) {
    const received = await connection.next();
    assert(received !== undefined);
    assert(received.text.length > 64 * 1024);
    assertEquals(JSON.parse(received.text).length, requests.length);
    assertEquals(hosts(received.descriptors), ["127.0.0.1"]);
  }
});

Deno.test("an empty batch and a batch of more than 253 requests are invalid as a whole", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const length of [0, MOST + 1]) {
    await t.step(`${length} requests`, async () => {
      const requests = Array<string>(length).fill(bindRequest(1, "127.0.0.1"));
      const { answers, descriptors } = await askBatch(connection, requests);
      assert(!Array.isArray(answers));
      assertEquals([answers.jsonrpc, answers.id], ["2.0", null]);
      assertEquals(answers.error?.code, ErrorCode.INVALID_REQUEST);
      assertEquals(descriptors, []);
    });
  }
  assertEquals((await daemon.status()).binds, 0);
});

Deno.test("requests after a batch are answered after it", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send(
    batchText([bindRequest(1, "localhost"), requestText(2, "status")]) +
      requestText(3, "status"),
  );
  connection.endWriting();
  const answers = await connection.answersToEnd();
  assertEquals(answers.flat().map(({ id }) => id), [1, 2, 3]);
});
