/**
 * Answers as bytes, in room that many of them share: a block of its own for
 * each would cost more in malloc(3) and garbage collection than the answer.
 *
 * @module
 */
import { type Answer, encodeMessage } from "../protocol.ts";

/** Room for a thousand answers to `bind`. It goes with the last one that is kept. */
const ROOM = 64 * 1024;

/** What is longer gets its own, in characters. */
const LONGEST = 1024;

/** The most bytes that UTF-8 takes for one UTF-16 code unit. */
const WIDEST = 3;

const encoder = new TextEncoder();
const HEAD = encoder.encode('{"jsonrpc":"2.0","id":');
const TAIL = encoder.encode(',"result":true}\n');

let room = new Uint8Array(ROOM);
let used = 0;

/** So many bytes that are nobody else's, at most {@linkcode ROOM}. */
function take(length: number): Uint8Array<ArrayBuffer> {
  if (used + length > ROOM) {
    room = new Uint8Array(ROOM);
    used = 0;
  }
  return room.subarray(used, used += length);
}

/** An answer, or an array of them for a batch, with the newline that ends it. */
export function answerBytes(
  message: Answer | Answer[],
): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(message) + "\n";
  if (text.length > LONGEST) return encodeMessage(message);
  const bytes = take(text.length * WIDEST);
  const { written } = encoder.encodeInto(text, bytes);
  used -= bytes.length - written;
  return bytes.subarray(0, written);
}

/** The answer `true` to the request whose id is written so. */
export function grantedBytes(
  id: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const bytes = take(HEAD.length + id.length + TAIL.length);
  bytes.set(HEAD);
  bytes.set(id, HEAD.length);
  bytes.set(TAIL, HEAD.length + id.length);
  return bytes;
}
