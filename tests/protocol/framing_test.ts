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
  Deno.test(`messages with ${name} between them are separated at every split of the stream`, () => {
    const stream = encoder.encode(MESSAGES.join(between) + between);
    assertEquals(framed(stream), MESSAGES);
    for (let cut = 1; cut < stream.length; cut++) {
      const pieces = [stream.subarray(0, cut), stream.subarray(cut)];
      assertEquals(framed(...pieces), MESSAGES, `cut at byte ${cut}`);
    }
  });
}

Deno.test("messages that arrive byte by byte are joined", () => {
  const stream = encoder.encode(MESSAGES.join(""));
  const bytes = Array.from(stream, (byte) => Uint8Array.of(byte));
  assertEquals(framed(...bytes), MESSAGES);
});

Deno.test("the bytes of an incomplete message are pending", () => {
  const framing = new Framing(1024);
  framing.append(encoder.encode(`{"a":1} {"b":`));
  assertEquals(decoder.decode(framing.next()), `{"a":1}`);
  assertEquals(framing.next(), undefined);
  assertEquals(decoder.decode(framing.pending), `{"b":`);
});

Deno.test("a message as long as the limit is accepted, a longer one is refused", () => {
  const framing = new Framing(10);
  framing.append(encoder.encode(`["456789"]`));
  assertEquals(framing.next()?.length, 10);
  framing.append(encoder.encode(`["4567890"]`));
  const error = assertThrows(() => framing.next(), FramingError);
  assertEquals(error.code, ErrorCode.INVALID_REQUEST);
});

Deno.test("a message that is too long is refused before it is complete", () => {
  const framing = new Framing(10);
  framing.append(encoder.encode(`["4567890`));
  assertEquals(framing.next(), undefined);
  framing.append(encoder.encode(`12`));
  const error = assertThrows(() => framing.next(), FramingError);
  assertEquals(error.code, ErrorCode.INVALID_REQUEST);
});

Deno.test("white space before a message does not count to its length", () => {
  const framing = new Framing(10);
  framing.append(encoder.encode(" ".repeat(100) + "[1]"));
  assertEquals(decoder.decode(framing.next()), "[1]");
});

Deno.test("bytes that do not begin with a bracket are refused", () => {
  for (const garbage of ["x", "1", `"`, "}", "]", "\0", "\xff", "null", ","]) {
    const framing = new Framing(1024);
    framing.append(encoder.encode(` {} ${garbage}`));
    assertEquals(decoder.decode(framing.next()), "{}");
    const error = assertThrows(() => framing.next(), FramingError);
    assertEquals(error.code, ErrorCode.PARSE_ERROR);
  }
});

Deno.test("a message is a copy of the appended bytes", () => {
  const framing = new Framing(1024);
  const room = encoder.encode(`{"a":1}{"b":`);
  framing.append(room);
  room.fill(0x20);
  assertEquals(decoder.decode(framing.next()), `{"a":1}`);
  assertEquals(framing.next(), undefined);
  framing.append(encoder.encode(`2}`));
  assertEquals(decoder.decode(framing.next()), `{"b":2}`);
  assertEquals(framing.pending.length, 0);
});

Deno.test("discard() drops the pending bytes", () => {
  const framing = new Framing(1024);
  framing.append(encoder.encode(`{"a":["`));
  assertEquals(framing.next(), undefined);
  framing.discard();
  assertEquals(framing.pending.length, 0);
  framing.append(encoder.encode(`{"b":1}`));
  assertEquals(decoder.decode(framing.next()), `{"b":1}`);
});
