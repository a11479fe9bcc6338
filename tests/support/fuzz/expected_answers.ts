/**
 * The expected answers to bytes that were sent.
 *
 * @module
 */
import { Framing, FramingError, MAX_REQUEST } from "../../../protocol.ts";
import { decodeRequests } from "../../../server/requests/request_ids.ts";

/** The id of an answer, or the ids of a batch. */
export type ExpectedIds = unknown;

/** The expected answers of a connection. */
export interface Expected {
  /** In this order. */
  ids: ExpectedIds[];
  /** Each message that is JSON. */
  messages: unknown[];
}

/** SCM_MAX_FD: a longer batch is refused. */
const LONGEST_BATCH = 253;

function idOf(request: unknown): unknown {
  if (typeof request !== "object" || request === null) return null;
  const { id } = request as { id?: unknown };
  if (typeof id !== "string" && typeof id !== "number") return null;
  return Number.isNaN(id) ? null : id;
}

function idsOf(message: unknown): ExpectedIds {
  if (!Array.isArray(message)) return idOf(message);
  const isBatch = message.length > 0 && message.length <= LONGEST_BATCH;
  return isBatch ? message.map(idOf) : null;
}

/** Every message in the bytes is answered once. */
export function expectedFor(bytes: Uint8Array<ArrayBuffer>): Expected {
  const framing = new Framing(MAX_REQUEST);
  const expected: Expected = { ids: [], messages: [] };
  framing.append(bytes);
  try {
    for (let each; (each = framing.next()) !== undefined;) {
      try {
        const message = decodeRequests(each);
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
