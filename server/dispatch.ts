import { abi } from "../ffi/abi.ts";
import type { Peer } from "../ffi/socket.ts";
import {
  type Answer,
  decodeMessage,
  ErrorCode,
  type RequestId,
  type Status,
} from "../protocol.ts";
import { type BindContext, bindMethod } from "./bind_method.ts";
import type { Bind } from "./bind_table.ts";
import { listMethod } from "./list_method.ts";
import { releaseMethod } from "./release_method.ts";
import type { SharedDescriptor } from "./shared_descriptor.ts";
import {
  bindError,
  errorObject,
  invalidParams,
  isOutOfDescriptors,
  RequestError,
} from "./request_error.ts";

/** What a request needs of the daemon. */
export interface RequestContext extends BindContext {
  /** The answer to `status`. */
  status(): Status;
}

/** What goes back for one message. */
export interface Reply {
  /** One answer, or one for each request of a batch. */
  readonly message: Answer | Answer[];
  /** The sockets that go with it, in order: whoever sends them lets them go. */
  readonly sockets: readonly SharedDescriptor[];
}

interface Outcome {
  readonly answer: Answer;
  readonly socket?: SharedDescriptor;
}

/**
 * Answers one message; a promise only where something has to be waited for.
 * Never throws: whatever goes wrong is an error answer.
 */
export function dispatch(
  message: Uint8Array<ArrayBuffer>,
  peer: () => Peer,
  context: RequestContext,
): Reply | Promise<Reply> {
  let decoded: unknown;
  try {
    decoded = decodeMessage(message);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const refusal = new RequestError(
      ErrorCode.PARSE_ERROR,
      `Parse error: ${reason}`,
    );
    return replyOf(failed(null, refusal, context));
  }
  if (Array.isArray(decoded)) return dispatchBatch(decoded, peer, context);
  const outcome = perform(decoded, peer, context);
  return outcome instanceof Promise ? outcome.then(replyOf) : replyOf(outcome);
}

/** A reply that says why not. */
export function errorReply(id: RequestId, error: RequestError): Reply {
  return { message: errorAnswer(id, error), sockets: [] };
}

function dispatchBatch(
  requests: readonly unknown[],
  peer: () => Peer,
  context: RequestContext,
): Reply | Promise<Reply> {
  if (requests.length === 0 || requests.length > abi.SCM_MAX_FD) {
    const reason =
      `a batch of ${requests.length} requests, not 1 to ${abi.SCM_MAX_FD}`;
    return replyOf(failed(null, invalidRequest(reason), context));
  }
  const outcomes: Outcome[] = [];
  for (const [index, request] of requests.entries()) {
    const outcome = perform(request, peer, context);
    if (outcome instanceof Promise) {
      const rest = requests.slice(index + 1);
      return finishBatch(outcomes, outcome, rest, peer, context);
    }
    outcomes.push(outcome);
  }
  return batchReply(outcomes);
}

/** What follows a request that takes time waits for it. */
async function finishBatch(
  outcomes: Outcome[],
  pending: Promise<Outcome>,
  rest: readonly unknown[],
  peer: () => Peer,
  context: RequestContext,
): Promise<Reply> {
  outcomes.push(await pending);
  for (const request of rest) {
    outcomes.push(await perform(request, peer, context));
  }
  return batchReply(outcomes);
}

function batchReply(outcomes: readonly Outcome[]): Reply {
  return {
    message: outcomes.map(({ answer }) => answer),
    sockets: outcomes.flatMap(({ socket }) => socket ?? []),
  };
}

function perform(
  request: unknown,
  peer: () => Peer,
  context: RequestContext,
): Outcome | Promise<Outcome> {
  const id = idOf(request);
  try {
    const { method, params } = readRequest(request);
    switch (method) {
      case "bind": {
        const bind = bindMethod(params, peer(), context);
        return bind instanceof Promise
          ? bind.then(
            (bind) => bound(id, bind),
            (error) => failed(id, error, context),
          )
          : bound(id, bind);
      }
      case "list":
        refuseParams(method, params);
        return {
          answer: { jsonrpc: "2.0", id, result: listMethod(context.binds) },
        };
      case "release": {
        const done = { answer: { jsonrpc: "2.0", id, result: true } } as const;
        const released = releaseMethod(params, peer(), context);
        return released instanceof Promise
          ? released.then(() => done, (error) => failed(id, error, context))
          : done;
      }
      case "status":
        refuseParams(method, params);
        return { answer: { jsonrpc: "2.0", id, result: context.status() } };
      default:
        throw new RequestError(
          ErrorCode.METHOD_NOT_FOUND,
          `Method not found: ${method}`,
        );
    }
  } catch (error) {
    return failed(id, error, context);
  }
}

function bound(id: RequestId, bind: Bind): Outcome {
  return {
    answer: { jsonrpc: "2.0", id, result: true },
    socket: bind.socket.retain(),
  };
}

function failed(
  id: RequestId,
  error: unknown,
  { log }: Pick<RequestContext, "log">,
): Outcome {
  if (error instanceof RequestError) {
    log.info("refused", { code: error.code, reason: error.message });
    return { answer: errorAnswer(id, error) };
  }
  if (isOutOfDescriptors(error)) return failed(id, bindError(error), { log });
  const reason = error instanceof Error ? error.stack : String(error);
  log.error("internal error", { reason });
  return {
    answer: errorAnswer(
      id,
      new RequestError(ErrorCode.INTERNAL_ERROR, "Internal error: see the log"),
    ),
  };
}

function errorAnswer(id: RequestId, error: RequestError): Answer {
  return { jsonrpc: "2.0", id, error: errorObject(error) };
}

function replyOf({ answer, socket }: Outcome): Reply {
  return { message: answer, sockets: socket === undefined ? [] : [socket] };
}

/** The id to answer with, also when the rest of the request is no good. */
function idOf(request: unknown): RequestId {
  if (typeof request !== "object" || request === null) return null;
  const { id } = request as { id?: unknown };
  return typeof id === "string" || typeof id === "number" ? id : null;
}

function readRequest(request: unknown): { method: string; params: unknown } {
  if (
    typeof request !== "object" || request === null || Array.isArray(request)
  ) {
    throw invalidRequest("not an object");
  }
  const { jsonrpc, method, id, params } = request as Record<string, unknown>;
  if (jsonrpc !== "2.0") throw invalidRequest('jsonrpc is not "2.0"');
  if (typeof method !== "string") {
    throw invalidRequest("method is not a string");
  }
  if (id !== undefined && id !== null && idOf(request) === null) {
    throw invalidRequest("id is neither a string nor a number");
  }
  return { method, params };
}

function invalidRequest(reason: string): RequestError {
  return new RequestError(
    ErrorCode.INVALID_REQUEST,
    `Invalid request: ${reason}`,
  );
}

function refuseParams(method: string, params: unknown): void {
  const none = params === undefined || params === null ||
    (typeof params === "object" && Object.keys(params).length === 0);
  if (!none) throw invalidParams(`${method} takes none`);
}
