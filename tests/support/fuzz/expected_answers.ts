/**
 * What has to come back for the bytes that were sent.
 *
 * @module
 */
import {
  decodeMessage,
  Framing,
  FramingError,
  MAX_REQUEST,
} from "../../../protocol.ts";

/** The ids of one answer: an array's are those of a batch. */
export type ExpectedIds = unknown;

/** What a connection has to bring. */
export interface Expected {
  /** In this order. */
  ids: ExpectedIds[];
  /** Of each message that is JSON, for whoever wants to know more. */
  messages: unknown[];
}

/** SCM_MAX_FD: a longer batch is refused as a whole. */
const LONGEST_BATCH = 253;

function idOf(request: unknown): unknown {
  if (typeof request !== "object" || request === null) return null;
  const { id } = request as { id?: unknown };
  if (typeof id !== "string" && typeof id !== "number") return null;
  // What JSON cannot write, such as 1e999, comes back as null.
  return JSON.parse(JSON.stringify(id));
}

function idsOf(message: unknown): ExpectedIds {
  if (!Array.isArray(message)) return idOf(message);
  const isBatch = message.length > 0 && message.length <= LONGEST_BATCH;
  return isBatch ? message.map(idOf) : null;
}

/** Every message in the bytes is answered once, in whatever pieces it came. */
export function expectedFor(bytes: Uint8Array<ArrayBuffer>): Expected {
  const framing = new Framing(MAX_REQUEST);
  const expected: Expected = { ids: [], messages: [] };
  framing.append(bytes);
  try {
    for (let each; (each = framing.next()) !== undefined;) {
      try {
        const message = decodeMessage(each);
        expected.messages.push(message);
        expected.ids.push(idsOf(message));
      } catch {
        expected.ids.push(null);
      }
    }
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    expected.ids.push(null);
  }
  return expected;
}
