import { assert, assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { ask, RawConnection, requestText } from "../support/raw_connection.ts";

const BIND = [{ address: "127.0.0.1", port: 0 }];

Deno.test("a request needs no terminator", async () => {
  await using daemon = await Daemon.start();
  const answer = await ask(daemon.sock, requestText(1, "bind", BIND));
  assertEquals(answer, { jsonrpc: "2.0", id: 1, result: true });
});

Deno.test("a request that arrives byte by byte is answered once", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const character of requestText("é}", "bind", BIND)) {
    await connection.send(character);
    // The daemon wakes up, so that each byte arrives alone.
    await daemon.status();
  }
  const answer = await connection.answer();
  assertEquals(answer, { jsonrpc: "2.0", id: "é}", result: true });
});

for (
  const [between, name] of [
    ["", "nothing"],
    ["\n", "a newline"],
    [" \r\n\t\n ", "white space"],
  ] as const
) {
  Deno.test(`requests with ${name} between them are answered in order`, async () => {
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const ids = Array.from({ length: 100 }, (_, index) => index);
    const requests = ids.map((id) => requestText(id, "bind", BIND));
    await connection.send(requests.join(between) + between);
    const answers = await connection.answers(ids.length);
    assertEquals(answers.map(({ id }) => id), ids);
  });
}

Deno.test("each of several binds at once gets its own socket", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send([
    requestText(1, "bind", BIND),
    requestText(2, "status"),
    requestText(3, "bind", BIND),
    requestText(4, "nothing"),
    requestText(5, "bind", BIND),
  ].join(""));
  const counts: number[] = [];
  for (let count = 0; count < 5; count++) {
    counts.push((await connection.next())?.descriptors.length ?? -1);
  }
  assertEquals(counts, [1, 0, 1, 0, 1]);
});

Deno.test("a request without id is answered with id null", async () => {
  await using daemon = await Daemon.start();
  const bound = await ask(daemon.sock, requestText(undefined, "bind", BIND));
  assertEquals(bound, { jsonrpc: "2.0", id: null, result: true });
  const refused = await ask(daemon.sock, requestText(undefined, "nothing"));
  assertEquals(refused.id, null);
});

Deno.test("an answer has the id of its request", async (t) => {
  await using daemon = await Daemon.start();
  for (
    const id of [
      "1",
      "",
      '"}\n\u0000',
      "日本語 🦕",
      0,
      -1,
      1.5,
      9007199254740991,
      null,
    ]
  ) {
    await t.step(JSON.stringify(id), async () => {
      for (const method of ["status", "nothing"]) {
        const answer = await ask(daemon.sock, requestText(id, method));
        assertEquals(answer.id, id);
      }
    });
  }
});

Deno.test("an answer is one line with jsonrpc and id", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (
    const request of [
      requestText("a\nb", "status"),
      requestText("a\nb", "bind", BIND),
      requestText("a\nb", "no\nsuch"),
      `[${requestText("a\nb", "status")}]`,
    ]
  ) {
    await connection.send(request);
    const text = (await connection.next())?.text ?? "";
    assert(text.endsWith("\n"), text);
    assertEquals(text.trimEnd().split("\n").length, 1);
    const [answer] = [JSON.parse(text)].flat();
    assertEquals([answer.jsonrpc, answer.id], ["2.0", "a\nb"]);
  }
});

Deno.test("a client that shuts down its writing side is answered, then disconnected", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send(
    requestText(1, "bind", BIND) + requestText(2, "status"),
  );
  connection.endWriting();
  const answers = await connection.answersToEnd();
  assertEquals(answers.map(({ id }) => id), [1, 2]);
});

Deno.test("an incomplete request is not answered, and its connection is closed", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  await connection.send(requestText(1, "status") + `{"jsonrpc":"2.0",`);
  connection.endWriting();
  const answers = await connection.answersToEnd();
  assertEquals(answers.map(({ id }) => id), [1]);
});

Deno.test("requests after one that resolves a name are answered in order", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const byName = [{ address: "localhost", port: 0 }];
  const requests: string[] = [];
  for (let id = 0; id < 30; id += 3) {
    requests.push(
      requestText(id, "bind", byName),
      requestText(id + 1, "bind", BIND),
      requestText(id + 2, "status"),
    );
  }
  await connection.send(requests.join(""));
  connection.endWriting();
  const answers = await connection.answersToEnd();
  assertEquals(answers.map(({ id }) => id), [...requests.keys()]);
});
