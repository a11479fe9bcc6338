/**
 * Handles a message of a client: reads it, looks up names, performs its requests
 * and answers them.
 *
 * @module
 */
import { abi } from "../../ffi/libc/abi.ts";
import { ErrorCode } from "../../protocol.ts";
import type { Client } from "../policy/authorization.ts";
import { RequestError } from "./request_error.ts";
import { type Reply, replyTo } from "./answers.ts";
import { performBatch } from "./batch.ts";
import type { PendingRequest, RequestState } from "./pending_request.ts";
import { perform, type RequestContext, resolveNames } from "./perform.ts";
import { decodeRequests } from "./request_ids.ts";
import { failedRequest, invalidRequest, readRequest } from "./read_request.ts";

/** A message of a client: one request, or a batch that gets one answer. */
export interface PendingMessage {
  readonly requests: readonly PendingRequest[];
  readonly isBatch: boolean;
}

/** Reads a message. An invalid message is answered with an error. */
export function readMessage(
  bytes: Uint8Array<ArrayBuffer>,
  client: Client,
): PendingMessage {
  let message: unknown;
  try {
    message = decodeRequests(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const code = ErrorCode.PARSE_ERROR;
    return failedMessage(
      new RequestError(code, `Parse error: ${reason}`),
      client,
    );
  }
  if (!Array.isArray(message)) {
    return { requests: [readRequest(message, client)], isBatch: false };
  }
  const { length } = message;
  if (length === 0 || length > abi.SCM_MAX_FD) {
    const reason =
      `a batch of ${length} requests, expected 1 to ${abi.SCM_MAX_FD}`;
    return failedMessage(invalidRequest(reason), client);
  }
  const requests = message.map((each) => readRequest(each, client));
  refuseRepeatedReports(requests);
  return { requests, isBatch: true };
}

/** Whether a method describes the daemon: its answer can be long. */
function isReport(method: string): method is "list" | "status" {
  return method === "list" || method === "status";
}

/** A batch has at most one `list` and one `status`; others are answered -32600. */
function refuseRepeatedReports(requests: readonly PendingRequest[]): void {
  const seen = new Set<string>();
  for (const request of requests) {
    const { state } = request;
    if (state.name !== "ready" || !isReport(state.call.method)) continue;
    const { method } = state.call;
    if (seen.has(method)) {
      const error = invalidRequest(`more than one ${method} in a batch`);
      request.state = { name: "failed", error };
    }
    seen.add(method);
  }
}

/** A message that cannot be read. */
export function failedMessage(
  error: RequestError,
  client: Client,
): PendingMessage {
  return { requests: [failedRequest(error, client)], isBatch: false };
}

/** Whether {@linkcode resolveMessage} has to be called first. */
export function isUnresolved({ requests }: PendingMessage): boolean {
  return requests.some(({ state }) => state.name === "unresolved");
}

/**
 * Whether answering it takes long: others are served before it
 * (server/daemon/turns.ts).
 */
export function takesLong({ requests, isBatch }: PendingMessage): boolean {
  return isBatch ||
    requests.some(({ state }) =>
      state.name === "ready" && isReport(state.call.method)
    );
}

/**
 * Looks up the names in a message one after the other, so that a client with
 * many names does not delay other clients. This changes no other state: a re-exec
 * hands the message to the next generation, which looks them up again.
 */
export async function resolveMessage(message: PendingMessage): Promise<void> {
  for (const request of message.requests) await resolveNames(request);
}

/**
 * Performs the requests of a message. The caller must queue its answer
 * ({@linkcode answerMessage}) at once, or after the returned promise and before a
 * re-exec, which would perform the requests twice.
 *
 * @returns what to wait for if the service manager has copies of sockets that the
 * message has released or that delay its binds
 */
export function performMessage(
  message: PendingMessage,
  context: RequestContext,
): Promise<void> | undefined {
  const before = context.binds.settling;
  performAll(message, context);
  const { settling } = context.binds;
  return settling !== before || isDelayed(message) ? settling : undefined;
}

/** Answers a message. Requests that are not performed yet are performed now. */
export function answerMessage(
  message: PendingMessage,
  context: RequestContext,
): Reply {
  if (message.requests.some(({ state }) => !isPerformed(state))) {
    performAll(message, context);
  }
  return replyTo(message.requests, message.isBatch, context);
}

function performAll(
  { requests, isBatch }: PendingMessage,
  context: RequestContext,
): void {
  if (isBatch) performBatch(requests, context);
  else requests.forEach((request) => perform(request, context));
}

function isDelayed({ requests }: PendingMessage): boolean {
  return requests.some(({ state }) => state.name === "delayed");
}

function isPerformed({ name }: RequestState): boolean {
  return name === "granted" || name === "done" || name === "failed";
}

/** Closes what an answer would have carried: the client is gone. */
export function abandonMessage({ requests }: PendingMessage): void {
  for (const { state } of requests) {
    if (state.name === "granted") state.grant.socket.release();
  }
}
