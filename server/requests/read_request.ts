/**
 * Reads requests: JSON-RPC 2.0, then the params of each method.
 *
 * @module
 */
import {
  ErrorCode,
  isMethod,
  type Method,
  type RequestId,
} from "../../protocol.ts";
import type { Client } from "../policy/authorization.ts";
import { invalidParams, RequestError } from "./request_error.ts";
import {
  type BindRequest,
  readBindParams,
  readReleaseParams,
  resolveWithoutLookUp,
} from "./bind_params.ts";
import type { PendingRequest, RequestState } from "./pending_request.ts";

/** Reads one request. If it is invalid, its state has the error. */
export function readRequest(request: unknown, client: Client): PendingRequest {
  return {
    id: idOf(request),
    method: methodOf(request),
    client,
    state: firstState(request),
  };
}

/** A message that is not a request. */
export function failedRequest(
  error: RequestError,
  client: Client,
): PendingRequest {
  const state: RequestState = { name: "failed", error };
  return { id: null, method: undefined, client, state };
}

function firstState(request: unknown): RequestState {
  try {
    const { method, params } = readEnvelope(request);
    return readParams(method, params);
  } catch (error) {
    return { name: "failed", error };
  }
}

function readParams(method: Method, params: unknown): RequestState {
  switch (method) {
    case "bind":
      return stateOfBind(method, readBindParams(params));
    case "release":
      return stateOfBind(method, readReleaseParams(params));
    case "list":
    case "status":
      refuseParams(method, params);
      return { name: "ready", call: { method } };
  }
}

function stateOfBind(
  method: "bind" | "release",
  request: BindRequest,
): RequestState {
  const resolved = resolveWithoutLookUp(request);
  return resolved === undefined
    ? { name: "unresolved", method, bind: request }
    : { name: "ready", call: { method, bind: resolved } };
}

function refuseParams(method: Method, params: unknown): void {
  const isEmpty = params === undefined || params === null ||
    (typeof params === "object" && Object.keys(params).length === 0);
  if (!isEmpty) throw invalidParams(`${method} takes no params`);
}

/** The id for the answer, even if the rest of the request is invalid. */
function idOf(request: unknown): RequestId {
  if (typeof request !== "object" || request === null) return null;
  const { id } = request as { id?: unknown };
  if (typeof id === "number") return Number.isNaN(id) ? null : id;
  return typeof id === "string" ? id : null;
}

/** The method, even if the rest of the request is invalid. */
function methodOf(request: unknown): string | undefined {
  if (typeof request !== "object" || request === null) return undefined;
  const { method } = request as { method?: unknown };
  return typeof method === "string" ? method : undefined;
}

function readEnvelope(request: unknown): { method: Method; params: unknown } {
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
  if (Number.isNaN(id)) {
    throw invalidRequest("id is a number that an answer cannot repeat exactly");
  }
  if (id !== undefined && id !== null && idOf(request) === null) {
    throw invalidRequest("id is neither a string nor a number");
  }
  if (!isMethod(method)) {
    throw new RequestError(
      ErrorCode.METHOD_NOT_FOUND,
      `Method not found: ${method}`,
    );
  }
  return { method, params };
}

/** The error of a message that is not a request. */
export function invalidRequest(reason: string): RequestError {
  return new RequestError(
    ErrorCode.INVALID_REQUEST,
    `Invalid request: ${reason}`,
  );
}
