import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Answer, ErrorCode, MAX_REQUEST } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { ask, RawConnection, requestText } from "../support/raw_connection.ts";

const { INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR } =
  ErrorCode;

const encoder = new TextEncoder();

function assertRefused(answer: Answer, id: unknown, code: number): void {
  assertEquals(answer.jsonrpc, "2.0");
  assertEquals(answer.id, id);
  assertEquals(answer.error?.code, code);
  assertEquals(typeof answer.error?.message, "string");
  assert(!("result" in answer));
}

/** A status request padded with spaces to a length in bytes. */
function requestOfLength(id: number, length: number): string {
  const text = requestText(id, "status");
  return text.slice(0, -1) + " ".repeat(length - text.length) + "}";
}

Deno.test("a request that is not JSON is answered with -32700, and the connection stays open", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (
    const text of [
      `{"jsonrpc":"2.0","id":1,"method":status}`,
      `{'jsonrpc':'2.0'}`,
      `{"jsonrpc":"2.0",}`,
      `{]`,
      `[}`,
      `{"a" 1}`,
      `[01]`,
      `["\\x"]`,
      `["\n"]`,
    ]
  ) {
    await t.step(JSON.stringify(text), async () => {
      await connection.send(text);
      assertRefused(await connection.answer(), null, PARSE_ERROR);
      await connection.send(requestText(2, "status"));
      assertEquals((await connection.answer()).id, 2);
    });
  }
});

Deno.test("a request that is not UTF-8 is answered with -32700, and the connection stays open", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (
    const [name, ...bytes] of [
      ["a byte that begins nothing", 0xff],
      ["a sequence that is cut off", 0xe6, 0x97],
      ["an overlong slash", 0xc0, 0xaf],
      ["half of a surrogate pair", 0xed, 0xa0, 0x80],
    ] as const
  ) {
    await t.step(name, async () => {
      const [head, tail] = ['{"id":"', '"}'].map((text) =>
        encoder.encode(text)
      );
      await connection.send(Uint8Array.of(...head!, ...bytes, ...tail!));
      assertRefused(await connection.answer(), null, PARSE_ERROR);
      await connection.send(requestText(2, "status"));
      assertEquals((await connection.answer()).id, 2);
    });
  }
});

Deno.test("a request that does not begin with a bracket is answered with -32700, and the connection is closed", async (t) => {
  await using daemon = await Daemon.start();
  for (const garbage of ["GET / HTTP/1.1\r\n\r\n", "null", `"a"`, "}", "\0"]) {
    await t.step(JSON.stringify(garbage), async () => {
      using connection = RawConnection.open(daemon.sock);
      await connection.send(requestText(1, "status") + garbage);
      const [status, refusal, ...more] = await connection.answersToEnd();
      assertEquals(status?.id, 1);
      assertRefused(refusal ?? {}, null, PARSE_ERROR);
      assertEquals(more, []);
    });
  }
});

Deno.test("JSON that is not a request is answered with -32600, and the connection stays open", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (
    const [text, id] of [
      [`{}`, null],
      [`{"method":"status","id":1}`, 1],
      [`{"jsonrpc":"1.0","method":"status","id":1}`, 1],
      [`{"jsonrpc":2.0,"method":"status","id":1}`, 1],
      [`{"jsonrpc":"2.0","id":"a"}`, "a"],
      [`{"jsonrpc":"2.0","method":null,"id":1}`, 1],
      [`{"jsonrpc":"2.0","method":["status"],"id":1}`, 1],
      [`{"jsonrpc":"2.0","method":"status","id":true}`, null],
      [`{"jsonrpc":"2.0","method":"status","id":{}}`, null],
      [`{"jsonrpc":"2.0","method":"status","id":[1]}`, null],
      [`{"jsonrpc":"2.0","result":true,"id":1}`, 1],
    ] as const
  ) {
    await t.step(text, async () => {
      await connection.send(text);
      assertRefused(await connection.answer(), id, INVALID_REQUEST);
      await connection.send(requestText(2, "status"));
      assertEquals((await connection.answer()).id, 2);
    });
  }
});

Deno.test("a request of 64 KiB is served, without counting the white space before it", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (let id = 0; id < 3; id++) {
    await connection.send("\n".repeat(1000) + requestOfLength(id, MAX_REQUEST));
  }
  const answers = await connection.answers(3);
  assertEquals(answers.map(({ id }) => id), [0, 1, 2]);
  assert(answers.every(({ result }) => result !== undefined));
});

Deno.test("a request over 64 KiB is answered with -32600, and the connection is closed", async (t) => {
  await using daemon = await Daemon.start();
  for (
    const [name, text] of [
      ["one byte over", requestOfLength(1, MAX_REQUEST + 1)],
      ["one that never ends", `{"a":"` + "x".repeat(MAX_REQUEST)],
      ["one of brackets alone", "[".repeat(MAX_REQUEST + 1)],
      ["one of a megabyte", requestOfLength(1, 1 << 20)],
    ] as const
  ) {
    await t.step(name, async () => {
      using connection = RawConnection.open(daemon.sock);
      await connection.send(text);
      const [refusal, ...more] = await connection.answersToEnd();
      assertRefused(refusal ?? {}, null, INVALID_REQUEST);
      assertEquals(more, []);
    });
  }
});

Deno.test("an unknown method is answered with -32601, and the error names it", async (t) => {
  await using daemon = await Daemon.start();
  for (
    const method of ["unbind", "", "Bind", "toString", "__proto__", "rpc.x"]
  ) {
    await t.step(JSON.stringify(method), async () => {
      const answer = await ask(daemon.sock, requestText(1, method));
      assertRefused(answer, 1, METHOD_NOT_FOUND);
      assertStringIncludes(answer.error?.message ?? "", method);
    });
  }
});

const HOST = { address: "127.0.0.1", port: 0 };

const WRONG_PARAMS: [params: unknown, named: string][] = [
  [undefined, "bind takes [{"],
  [null, "bind takes [{"],
  [HOST, "bind takes [{"],
  [[], "bind takes [{"],
  [[HOST, HOST], "bind takes [{"],
  [["127.0.0.1:0"], "bind takes [{"],
  [[[HOST]], "bind takes [{"],
  [[null], "bind takes [{"],
  [[{}], "address"],
  [[{ port: 80 }], "address"],
  [[{ ...HOST, address: 1 }], "address"],
  [[{ ...HOST, address: null }], "address"],
  [[{ ...HOST, address: "" }], "address"],
  [[{ ...HOST, address: "127.0.0.1\0" }], "address"],
  [[{ address: "127.0.0.1" }], "port"],
  [[{ ...HOST, port: "80" }], "port"],
  [[{ ...HOST, port: null }], "port"],
  [[{ ...HOST, port: -1 }], "port"],
  [[{ ...HOST, port: 65536 }], "port"],
  [[{ ...HOST, port: 0.5 }], "port"],
  [[{ ...HOST, backlog: "10" }], "backlog"],
  [[{ ...HOST, backlog: null }], "backlog"],
  [[{ ...HOST, backlog: -1 }], "backlog"],
  [[{ ...HOST, backlog: 1.5 }], "backlog"],
  [[{ ...HOST, backlog: 2 ** 31 }], "backlog"],
  [[{ ...HOST, v6only: 1 }], "v6only"],
  [[{ ...HOST, kind: "sctp" }], "kind"],
  [[{ ...HOST, kind: "TCP" }], "kind"],
  [[{ ...HOST, kind: "" }], "kind"],
  [[{ ...HOST, kind: 1 }], "kind"],
  [[{ ...HOST, kind: null }], "kind"],
  [[{ ...HOST, kind: "toString" }], "kind"],
  [[{ ...HOST, baklog: 10 }], "baklog"],
  [[{ ...HOST, toString: 10 }], "toString"],
  [[JSON.parse(`{"address":"127.0.0.1","port":0,"__proto__":1}`)], "__proto__"],
];

Deno.test("invalid params of bind are answered with -32602, and the error names them", async (t) => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  for (const [params, named] of WRONG_PARAMS) {
    await t.step(JSON.stringify(params) ?? "none", async () => {
      await connection.send(requestText(1, "bind", params));
      const answer = await connection.answer();
      assertRefused(answer, 1, INVALID_PARAMS);
      assertStringIncludes(answer.error?.message ?? "", named);
    });
  }
  assertEquals((await daemon.status()).binds, 0);
});

Deno.test("params of status are answered with -32602", async () => {
  await using daemon = await Daemon.start();
  for (const params of [[1], { verbose: true }, "all"]) {
    const answer = await ask(daemon.sock, requestText(1, "status", params));
    assertRefused(answer, 1, INVALID_PARAMS);
  }
  for (const params of [[], {}, null]) {
    const answer = await ask(daemon.sock, requestText(1, "status", params));
    assert(answer.result !== undefined);
  }
});

Deno.test("a name that does not resolve is answered with 10000, and the connection stays open", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  // Longer than a label may be, so the resolver asks no server.
  const name = "x".repeat(64);
  const params = [{ address: name, port: 80 }];
  await connection.send(requestText(1, "bind", params));
  const answer = await connection.answer();
  assertRefused(answer, 1, ErrorCode.COULD_NOT_BIND);
  assertStringIncludes(answer.error?.message ?? "", "Could not bind: ");
  assertStringIncludes(answer.error?.message ?? "", name);
  await connection.send(requestText(2, "status"));
  assertEquals((await connection.answer()).id, 2);
});
