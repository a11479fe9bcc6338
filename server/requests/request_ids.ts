/**
 * Ids of requests. An answer has to repeat the id, but a number of JavaScript does
 * not have every value that JSON can write.
 *
 * @module
 */
import { decodeMessage } from "../../protocol.ts";

/**
 * Decodes a message. An id that an answer could not repeat, such as 1e400 or
 * 9007199254740993, becomes NaN, which JSON does not have.
 *
 * @throws if the message is not UTF-8 or not JSON.
 */
export function decodeRequests(bytes: Uint8Array<ArrayBuffer>): unknown {
  const message = decodeMessage(bytes);
  const requests = Array.isArray(message) ? message : [message];
  if (!requests.some(hasNumberAsId)) return message;
  return JSON.parse(new TextDecoder().decode(bytes), replaceInexactId);
}

function hasNumberAsId(request: unknown): boolean {
  return typeof request === "object" && request !== null &&
    "id" in request && typeof request.id === "number";
}

function replaceInexactId(
  key: string,
  value: unknown,
  context?: { source?: string },
): unknown {
  if (key !== "id" || typeof value !== "number") return value;
  return isExact(context?.source ?? "", value) ? value : NaN;
}

/** Whether `JSON.stringify(value)` has the value of the source text. */
function isExact(source: string, value: number): boolean {
  const text = String(value);
  return source === text || decimalOf(source) === decimalOf(text);
}

/** One spelling for each decimal value: `1.50e1` and `15` are both `15e0`. */
function decimalOf(text: string): string | undefined {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = parts;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return `${sign}0`;
  const zeros = digits.length - significant.length;
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(zeros);
  return `${sign}${significant}e${power}`;
}
