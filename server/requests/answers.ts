import { OsError } from "../../ffi/libc/errno.ts";
import {
  type Answer,
  encodeMessage,
  ErrorCode,
  type RequestId,
} from "../../protocol.ts";
import { reasonOf } from "../log/internal_errors.ts";
import {
  bindError,
  errorObject,
  isOutOfDescriptors,
  RequestError,
} from "./request_error.ts";
import type { Peer } from "../../ffi/sockets/socket.ts";
import type { SharedDescriptor } from "../sockets/shared_descriptor.ts";
import { type BindContext, handOver } from "./bind_method.ts";
import type { PendingRequest } from "./pending_request.ts";

/** The longest answer, in bytes: about 40,000 sockets in `list`. */
export const MAX_ANSWER = 16 * 1024 * 1024;

/** An encoded answer to one message. */
export interface Reply {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Sockets to send with it, in order. The sender releases each of them. */
  readonly sockets: readonly SharedDescriptor[];
}

/** Answers performed requests in one message. */
export function replyTo(
  requests: readonly PendingRequest[],
  isBatch: boolean,
  context: BindContext,
): Reply {
  const answers: Answer[] = [];
  const sockets: SharedDescriptor[] = [];
  for (const request of requests) {
    answers.push(answerTo(request, context));
    if (request.state.name === "granted") {
      sockets.push(request.state.grant.socket);
    }
  }
  const encode = (each: readonly Answer[]) =>
    encodeMessage(isBatch ? each : each[0]);
  const bytes = encode(answers);
  if (bytes.length <= MAX_ANSWER) return { bytes, sockets };
  return { bytes: encode(answers.map(withoutReport)), sockets };
}

/** Replaces the result of `list` or `status` by an error. */
function withoutReport(answer: Answer): Answer {
  if (typeof answer.result !== "object") return answer;
  const reason = `the answer is longer than ${MAX_ANSWER} bytes`;
  const error = new RequestError(
    ErrorCode.LIMIT_REACHED,
    `Limit reached: ${reason}`,
  );
  return errorAnswer(answer.id ?? null, error);
}

/** A reply to a client that has sent no valid request. */
export function errorReply(id: RequestId, error: RequestError): Reply {
  return { bytes: encodeMessage(errorAnswer(id, error)), sockets: [] };
}

/** The answer to a failed request. */
export function errorAnswer(id: RequestId, error: RequestError): Answer {
  return { jsonrpc: "2.0", id, error: errorObject(error) };
}

function answerTo(request: PendingRequest, context: BindContext): Answer {
  const { id, method, state } = request;
  context.counters.count(method, state.name === "failed");
  switch (state.name) {
    case "granted":
      handOver(state.grant, context);
      return { jsonrpc: "2.0", id, result: true };
    case "done":
      return { jsonrpc: "2.0", id, result: state.result };
    case "failed":
      return errorAnswer(id, reportError(request, state.error, context));
    case "unresolved":
    case "ready":
    case "delayed":
      throw new TypeError(`the request is ${state.name}, not performed`);
  }
}

/** Logs and counts the error of a request. Returns the error for the answer. */
function reportError(
  request: PendingRequest,
  error: unknown,
  { log, counters }: BindContext,
): RequestError {
  const known = isOutOfDescriptors(error) ? bindError(error) : error;
  if (!(known instanceof RequestError)) {
    const { uid } = origin(request);
    log.refusal("error", uid, "internal error", { reason: reasonOf(error) });
    return new RequestError(
      ErrorCode.INTERNAL_ERROR,
      "Internal error: see the log",
    );
  }
  const { code, message: reason } = known;
  // Authorization has already logged a denial.
  if (code === ErrorCode.DENIED) counters.refused.denied++;
  else {
    const from = origin(request);
    log.refusal("info", from.uid, "request failed", { code, reason, ...from });
  }
  return known;
}

/** The method and the client, if they are known. */
function origin(
  { method, client }: PendingRequest,
): { method?: string } & Partial<Peer> {
  const what = method === undefined ? {} : { method };
  try {
    return { ...what, ...client.peer };
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return what;
  }
}
