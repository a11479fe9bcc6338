import { assertEquals, assertThrows } from "@std/assert";
import { ErrorCode, Framing, FramingError } from "../../protocol.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const MESSAGES = [
  `{}`,
  `[]`,
  `{"a":{"b":[{}]}}`,
  `{"brackets":"}{][","n":1}`,
  `{"quote":"\\"}","backslash":"\\\\"}`,
  `["\\\\\\"]"]`,
  `{"\\u007b":"\\u005d"}`,
  `{"Zürich":"日本語 🦕 }"}`,
  `{ "spaces" : [ 1 ,\n2 ] }`,
];

function framed(...pieces: Uint8Array<ArrayBuffer>[]): string[] {
  const framing = new Framing(1024);
  const messages: string[] = [];
  for (const piece of pieces) {
    framing.append(piece);
    for (let message; (message = framing.next()) !== undefined;) {
      messages.push(decoder.decode(message));
    }
  }
  assertEquals(framing.pending.length, 0);
  return messages;
}

for (
  const [between, name] of [
    ["", "nothing"],
    ["\n", "newlines"],
    [" \t\r\n", "white space"],
  ] as const
) {
  Deno.test(`messages with ${name} between them are cut apart wherever the stream breaks`, () => {
    const stream = encoder.encode(MESSAGES.join(between) + between);
    assertEquals(framed(stream), MESSAGES);
    for (let cut = 1; cut < stream.length; cut++) {
      const pieces = [stream.subarray(0, cut), stream.subarray(cut)];
      assertEquals(framed(...pieces), MESSAGES, `cut at byte ${cut}`);
    }
  });
}

Deno.test("messages that come byte by byte are put together", () => {
  const stream = encoder.encode(MESSAGES.join(""));
  const bytes = Array.from(stream, (byte) => Uint8Array.of(byte));
  assertEquals(framed(...bytes), MESSAGES);
});

Deno.test("what no message was cut from yet is pending", () => {
  const framing = new Framing(1024);
  framing.append(encoder.encode(`{"a":1} {"b":`));
  assertEquals(decoder.decode(framing.next()), `{"a":1}`);
  assertEquals(framing.next(), undefined);
  assertEquals(decoder.decode(framing.pending), `{"b":`);
});

Deno.test("a message as long as the limit passes, a longer one does not", () => {
  const framing = new Framing(10);
  framing.append(encoder.encode(`["456789"]`));
  assertEquals(framing.next()?.length, 10);
  framing.append(encoder.encode(`["4567890"]`));
  const error = assertThrows(() => framing.next(), FramingError);
  assertEquals(error.code, ErrorCode.INVALID_REQUEST);
});

Deno.test("a message that is too long is refused before its end has come", () => {
  const framing = new Framing(10);
  framing.append(encoder.encode(`["4567890`));
  assertEquals(framing.next(), undefined);
  framing.append(encoder.encode(`12`));
  const error = assertThrows(() => framing.next(), FramingError);
  assertEquals(error.code, ErrorCode.INVALID_REQUEST);
});

Deno.test("white space before a message is no part of its length", () => {
  const framing = new Framing(10);
  framing.append(encoder.encode(" ".repeat(100) + "[1]"));
  assertEquals(decoder.decode(framing.next()), "[1]");
});

Deno.test("what begins with no bracket is no message", () => {
  for (const garbage of ["x", "1", `"`, "}", "]", "\0", "\xff", "null", ","]) {
    const framing = new Framing(1024);
    framing.append(encoder.encode(` {} ${garbage}`));
    assertEquals(decoder.decode(framing.next()), "{}");
    const error = assertThrows(() => framing.next(), FramingError);
    assertEquals(error.code, ErrorCode.PARSE_ERROR);
  }
});

Deno.test("what is kept of borrowed bytes does not change with them", () => {
  const framing = new Framing(1024);
  const room = encoder.encode(`{"a":1}{"b":`);
  framing.borrow(room);
  assertEquals(decoder.decode(framing.next()), `{"a":1}`);
  assertEquals(framing.next(), undefined);
  framing.keep();
  room.fill(0x20);
  assertEquals(decoder.decode(framing.pending), `{"b":`);
  framing.borrow(encoder.encode(`2}`));
  assertEquals(decoder.decode(framing.next()), `{"b":2}`);
  assertEquals(framing.isPending, false);
});

Deno.test("what came is untouched until it is looked at, and without its newline", () => {
  const framing = new Framing(1024);
  const untouched = () =>
    framing.untouched && decoder.decode(framing.untouched);
  framing.borrow(encoder.encode(`{"a":1}\n`));
  assertEquals(untouched(), `{"a":1}`);
  framing.discard();
  assertEquals(framing.isPending, false);
  framing.borrow(encoder.encode(`{"a":`));
  assertEquals(untouched(), `{"a":`);
  assertEquals(framing.next(), undefined);
  assertEquals(untouched(), undefined);
  framing.append(encoder.encode(`1}`));
  assertEquals(untouched(), undefined);
  assertEquals(decoder.decode(framing.next()), `{"a":1}`);
});
