/**
 * C strings: bytes that end with a NUL.
 *
 * @module
 */
import { libc } from "./libc.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The bytes of a C string, with its NUL.
 *
 * @throws {TypeError} if the text contains a NUL.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(`${JSON.stringify(text)} contains a NUL character`);
  }
  return encoder.encode(text + "\0");
}

const strictDecoder = new TextDecoder("utf-8", {
  fatal: true,
  ignoreBOM: true,
});

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A byte from 0x80 on stands for itself as U+DC80 to U+DCFF. */
const ESCAPE = 0xdc00;

/** In a pattern with the flag `u` this is no half of a pair. */
const ESCAPED = /[\udc80-\udcff]/u;

/** The longest sequence of UTF-8. */
const LONGEST = 4;

/**
 * The text of bytes, such as an argument of a program. Each byte that is not part
 * of UTF-8 becomes a lone surrogate, from U+DC80 to U+DCFF (PEP 383), which
 * {@linkcode losslessCString} turns back.
 */
export function losslessText(bytes: Uint8Array): string {
  const whole = decodeStrictly(bytes);
  if (whole !== undefined) return whole;
  let text = "";
  for (let at = 0; at < bytes.length;) {
    let length = 1;
    let character = decodeStrictly(bytes.subarray(at, at + 1));
    while (character === undefined && length < LONGEST) {
      length++;
      character = decodeStrictly(bytes.subarray(at, at + length));
    }
    if (character === undefined) {
      text += String.fromCharCode(ESCAPE + bytes[at]!);
      at++;
    } else {
      text += character;
      at += length;
    }
  }
  return text;
}

/**
 * The C string of a text from {@linkcode losslessText}: the same bytes, with a NUL.
 * Text that comes from elsewhere has no lone surrogates, and is encoded as by
 * {@linkcode cString}.
 *
 * @throws {TypeError} if the text contains a NUL.
 */
export function losslessCString(text: string): Uint8Array<ArrayBuffer> {
  if (!ESCAPED.test(text)) return cString(text);
  const parts = Array.from(
    text,
    (character) =>
      ESCAPED.test(character)
        ? Uint8Array.of(character.charCodeAt(0) - ESCAPE)
        : encoder.encode(character),
  );
  const bytes = new Uint8Array(
    parts.reduce((length, part) => length + part.length, 0) + 1,
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  if (bytes.indexOf(0) !== bytes.length - 1) return cString(text);
  return bytes;
}

/** The C string at an address, or `undefined` at NULL. */
export function textAt(address: bigint): string | undefined {
  if (address === 0n) return undefined;
  const bytes = new Uint8Array(Number(libc().strlen(address)) + 1);
  libc().memcpy_out(bytes, address, BigInt(bytes.length));
  return decoder.decode(bytes.subarray(0, -1));
}
