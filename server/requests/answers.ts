import { OsError } from "../../ffi/libc/errno.ts";
import {
  type Answer,
  encodeMessage,
  ErrorCode,
  type RequestId,
} from "../../protocol.ts";
import { logInternalError } from "../log/internal_errors.ts";
import {
  bindError,
  errorObject,
  isOutOfDescriptors,
  RequestError,
} from "./request_error.ts";
import type { SharedDescriptor } from "../sockets/shared_descriptor.ts";
import { type BindContext, handOver } from "./bind_method.ts";
import type { PendingRequest } from "./pending_request.ts";

/** The answer to one message, ready to be sent. */
export interface Reply {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * The sockets that go with it, in order. The sender releases each of them.
   */
  readonly sockets: readonly SharedDescriptor[];
}

/** Answers requests that have been performed, as one message. */
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
  const message = isBatch ? answers : answers[0];
  return { bytes: encodeMessage(message), sockets };
}

/** A reply that is sent without a request. */
export function errorReply(id: RequestId, error: RequestError): Reply {
  return { bytes: encodeMessage(errorAnswer(id, error)), sockets: [] };
}

/** The answer of a request that failed. */
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
      throw new TypeError(`the request is ${state.name}, not performed`);
  }
}

/** Logs and counts the error of a request: the error to answer with. */
function reportError(
  request: PendingRequest,
  error: unknown,
  { log, counters }: BindContext,
): RequestError {
  const known = isOutOfDescriptors(error) ? bindError(error) : error;
  if (!(known instanceof RequestError)) {
    logInternalError(log, error);
    return new RequestError(
      ErrorCode.INTERNAL_ERROR,
      "Internal error: see the log",
    );
  }
  const { code, message: reason } = known;
  // A denial has its audit line already.
  if (code === ErrorCode.DENIED) counters.refused.denied++;
  else log.info("refused", { code, reason, ...requester(request) });
  return known;
}

/** The method and the client, as far as they are known. */
function requester(
  { method, client }: PendingRequest,
): Record<string, unknown> {
  const what = method === undefined ? {} : { method };
  try {
    return { ...what, ...client.peer };
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return what;
  }
}
