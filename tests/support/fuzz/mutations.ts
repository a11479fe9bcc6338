/**
 * Mutations of the structure, the text and the bytes of requests.
 *
 * @module
 */
import { MAX_REQUEST } from "../../../protocol.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";

const encoder = new TextEncoder();

/** JSON values, also in forms that JSON.stringify does not write. */
const TOKENS: readonly string[] = [
  "null",
  "true",
  "false",
  "0",
  "-0",
  "-1",
  "1.5",
  "1e999",
  "65536",
  "4294967296",
  "9007199254740993",
  "123456789012345678901234567890",
  '""',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"🦕"',
  '"__proto__"',
  '"constructor"',
  '"127.0.0.1"',
  "[]",
  "{}",
  "[[]]",
  "[{}]",
  '{"a":{"b":[1,2,{"c":null}]}}',
  '{"__proto__":{"method":"bind"}}',
];

const NAMES: readonly string[] = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "valueOf",
  "then",
  "toJSON",
  "length",
  "id",
  "method",
  "params",
  "path",
  "port",
  "kind",
  "\\u0000",
  "\\ud800",
  "",
];

type TextMutation = (text: string, random: Random) => string;

/** The position of a random match of a pattern, if there is one. */
function oneOf(
  text: string,
  pattern: RegExp,
  random: Random,
): RegExpExecArray | undefined {
  const found = [...text.matchAll(pattern)];
  return found.length === 0 ? undefined : random.of(found);
}

function replaceOne(
  text: string,
  pattern: RegExp,
  replacement: string,
  random: Random,
): string {
  const found = oneOf(text, pattern, random);
  if (found === undefined) return text;
  const end = found.index + found[0].length;
  return text.slice(0, found.index) + replacement + text.slice(end);
}

const VALUE = /(?<=:)("(?:[^"\\]|\\.)*"|-?[\d.e+]+|true|false|null)/g;
const MEMBER =
  /"(?:[^"\\]|\\.)*":("(?:[^"\\]|\\.)*"|-?[\d.e+]+|true|false|null),?/g;
const NAME = /"[a-z_0-9]+"(?=:)/g;

function nested(random: Random): string {
  const depth = random.of([10, 100, 1000, 5000, MAX_REQUEST / 2]);
  const [open, close] = random.of([["[", "]"], ['{"a":', "}"]] as const);
  const inside = open === "[" ? "" : "1";
  return open.repeat(depth) + inside + close.repeat(depth);
}

const OF_THE_TEXT: readonly TextMutation[] = [
  (text, random) => replaceOne(text, VALUE, random.of(TOKENS), random),
  (text, random) => replaceOne(text, MEMBER, "", random),
  (text, random) => replaceOne(text, NAME, `"${random.of(NAMES)}"`, random),
  // Adds a member or duplicates one.
  (text, random) =>
    replaceOne(
      text,
      /\{/g,
      `{"${random.of(NAMES)}":${random.of(TOKENS)},`,
      random,
    ),
  (text, random) => replaceOne(text, VALUE, nested(random), random),
  (text, random) => replaceOne(text, /[[\]{},:"]/g, "", random),
  (text, random) =>
    replaceOne(
      text,
      /[,:[{]/g,
      random.of([" ,", "\n:", "\t[", "[", "{"]),
      random,
    ),
  (text, random) => `[${Array(random.of([1, 2, 253, 254])).fill(text)}]`,
  (text, random) => text.replace('"2.0"', random.of(TOKENS)),
  (text) => `\ufeff${text}`,
  (text, random) => {
    const length = MAX_REQUEST - encoder.encode(text).length +
      random.of([-1, 0, 1, 100]);
    return text.replace("{", "{" + " ".repeat(Math.max(0, length)));
  },
];

type Bytes = Uint8Array<ArrayBuffer>;
type ByteMutation = (bytes: Bytes, random: Random) => Bytes;

function splice(
  bytes: Bytes,
  at: number,
  removed: number,
  added: Bytes,
): Bytes {
  return joined([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}

/** All mutations of a text. */
export function joined(pieces: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(
    pieces.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const OF_THE_BYTES: readonly ByteMutation[] = [
  (bytes, random) => {
    const changed = bytes.slice();
    changed[random.below(bytes.length)]! ^= 1 << random.below(8);
    return changed;
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => bytes.slice(random.below(bytes.length)),
  (bytes, random) =>
    splice(bytes, random.below(bytes.length), random.below(9), random.bytes(3)),
  (bytes, random) =>
    splice(bytes, random.below(bytes.length), 0, Uint8Array.of(0)),
  (bytes, random) =>
    splice(
      bytes,
      random.below(bytes.length),
      0,
      random.of([
        Uint8Array.of(0xff),
        Uint8Array.of(0xc0, 0x80),
        Uint8Array.of(0xed, 0xa0, 0x80),
        Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
      ]),
    ),
  (bytes, random) => {
    const from = random.below(bytes.length);
    const piece = bytes.slice(from, from + random.below(40));
    return splice(bytes, random.below(bytes.length), 0, piece);
  },
];

/** A longer text is not mutated again: that would be slow. */
const LONG = 4096;

/** A request, possibly with mutations of its text and its bytes. */
export function mutated(request: unknown, random: Random): Bytes {
  let text = JSON.stringify(request);
  const changes = random.of([0, 0, 1, 1, 2, 3]);
  for (let change = 0; change < changes; change++) {
    if (text.length > LONG) break;
    text = random.of(OF_THE_TEXT)(text, random);
  }
  let bytes: Bytes = encoder.encode(text);
  const flips = random.of([0, 0, 0, 1, 2]);
  for (let flip = 0; flip < flips && bytes.length > 0; flip++) {
    bytes = random.of(OF_THE_BYTES)(bytes, random);
  }
  return bytes;
}
