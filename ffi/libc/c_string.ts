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

/** The C string at an address, or `undefined` at NULL. */
export function textAt(address: bigint): string | undefined {
  if (address === 0n) return undefined;
  const bytes = new Uint8Array(Number(libc().strlen(address)) + 1);
  libc().memcpy_out(bytes, address, BigInt(bytes.length));
  return decoder.decode(bytes.subarray(0, -1));
}
