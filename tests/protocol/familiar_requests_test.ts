import { assert, assertEquals } from "@std/assert";
import { FamiliarRequests } from "../../server/familiar_requests.ts";
import { Daemon } from "../daemon.ts";
import { RawConnection } from "../raw_connection.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const PARAMS = `"params":[{"address":"127.0.0.1","port":0}]`;

/** A bind whose id is written so. */
function bindWithId(id: string): string {
  return `{"jsonrpc":"2.0","method":"bind","id":${id},${PARAMS}}`;
}

function learnTwice<T>(
  familiar: FamiliarRequests<T>,
  text: string,
  id: unknown,
  read: T,
): void {
  for (const bytes of [text, text].map((each) => encoder.encode(each))) {
    familiar.learn(bytes, id, read);
  }
}

/** Has learnt one request, whose id is `id`. */
function familiarWith(text: string, id: unknown): FamiliarRequests<string> {
  const familiar = new FamiliarRequests<string>();
  learnTwice(familiar, text, id, "read");
  return familiar;
}

/** The id of a request that is known, as it is written. */
function recalledId(
  familiar: FamiliarRequests<string>,
  text: string,
): string | undefined {
  const found = familiar.recall(encoder.encode(text));
  return found === undefined ? undefined : decoder.decode(found.id);
}

for (const id of [`"a"`, `""`, `"3f2a-{}[]:,"`, "0", "7", "-7", "123456789"]) {
  Deno.test(`a request is known again with the id ${id}`, () => {
    const familiar = familiarWith(bindWithId(`"first"`), "first");
    assertEquals(recalledId(familiar, bindWithId(id)), id);
  });
}

for (
  const id of [
    `"\\u0061"`,
    `"\\""`,
    `"ä"`,
    `"\u007f"`,
    `"\n"`,
    `"open`,
    "-0",
    "00",
    "-",
    "1.5",
    "1e3",
    "1234567890123456",
    "null",
    "true",
    "[1]",
    `{"id":1}`,
    "",
  ]
) {
  Deno.test(`a request with the id ${JSON.stringify(id)} is read each time`, () => {
    const familiar = familiarWith(bindWithId(`"first"`), "first");
    assertEquals(recalledId(familiar, bindWithId(id)), undefined);
  });
}

for (
  const [what, text, id] of [
    ["two ids", `{"id":2,"id":2,${PARAMS}}`, 2],
    ["an id inside another member", `{"params":[{"id":2}]}`, undefined],
    ["another id behind a space", `{"id":2,"id" :2,${PARAMS}}`, 2],
    [
      "an id inside another member, and its own behind a space",
      `{"x":{"id":2},"id" :2,${PARAMS}}`,
      2,
    ],
    ["an id as a text", `{"x":["id"],"id":2,${PARAMS}}`, 2],
    ["no id", `{${PARAMS}}`, undefined],
    ["an escape", `{"id":2,"method":"\\u0062ind"}`, 2],
    ["more than 1 KiB", `{"id":2,"x":"${"x".repeat(1024)}"}`, 2],
  ] as const
) {
  Deno.test(`a request with ${what} is never known again`, () => {
    assertEquals(recalledId(familiarWith(text, id), text), undefined);
  });
}

Deno.test("a request that differs in one byte beside its id is read", () => {
  const text = bindWithId("1");
  const familiar = familiarWith(text, 1);
  const bytes = encoder.encode(text);
  const idAt = text.indexOf(`"id":1`) + 5;
  for (let at = 0; at < bytes.length; at++) {
    if (at === idAt) continue;
    const changed = bytes.slice();
    changed[at]! ^= 1;
    assertEquals(familiar.recall(changed), undefined, `byte ${at}`);
  }
  assertEquals(familiar.recall(bytes.subarray(0, -1)), undefined);
  assert(familiar.recall(bytes) !== undefined);
});

Deno.test("an id longer than any request that is kept is read each time", () => {
  const familiar = familiarWith(bindWithId(`"first"`), "first");
  assertEquals(recalledId(familiar, bindWithId(`"second"`)), `"second"`);
  const long = bindWithId(`"${"x".repeat(70_000)}"`);
  assertEquals(recalledId(familiar, long), undefined);
});

Deno.test("what came once only is not kept", () => {
  const familiar = new FamiliarRequests<string>();
  const bytes = encoder.encode(bindWithId("1"));
  familiar.learn(bytes, 1, "read");
  assertEquals(familiar.recall(bytes), undefined);
  familiar.learn(bytes, 1, "read");
  assertEquals(familiar.recall(bytes)?.read, "read");
});

Deno.test("a thousand different requests are known, and the oldest is forgotten first", () => {
  const familiar = new FamiliarRequests<number>();
  const text = (port: number) => `{"id":1,"port":${port}}`;
  for (let port = 1; port <= 1025; port++) {
    learnTwice(familiar, text(port), 1, port);
  }
  assertEquals(familiar.recall(encoder.encode(text(1))), undefined);
  for (let port = 2; port <= 1025; port++) {
    assertEquals(familiar.recall(encoder.encode(text(port)))?.read, port);
  }
});

Deno.test("alike requests are answered each with its own id, whatever it is", async () => {
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const ids = [`"a"`, `"b"`, "1", "-2", `"\\u00e4"`, `"ä"`, "null", "1.5", "9"];
  for (const id of [...ids, ...ids]) {
    await connection.send(bindWithId(id));
    const line = await connection.next();
    assertEquals(line?.descriptors.length, 1);
    const { result, id: answered } = JSON.parse(line!.text);
    assertEquals([result, answered], [true, JSON.parse(id)]);
  }
  await connection.send(bindWithId(`{"no":"id"}`));
  assertEquals((await connection.answer()).error?.code, -32600);
});
