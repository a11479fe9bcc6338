/**
 * Moves requests from one state to the next: looks up names, then performs them.
 *
 * @module
 */
import type { Method, Status } from "../../protocol.ts";
import type { Client } from "../policy/authorization.ts";
import { listMethod } from "./list_method.ts";
import { type BindContext, grantBind } from "./bind_method.ts";
import { lookUpNames } from "./bind_params.ts";
import type { Call, PendingRequest, RequestState } from "./pending_request.ts";
import { isAddressInUse } from "./request_error.ts";
import { releaseBind } from "./release_method.ts";

/** The parts of the daemon that requests use. */
export interface RequestContext extends BindContext {
  /** The answer to `status`. */
  status(): Status;
}

/** Looks up the names in a request's params. */
export async function resolveNames(request: PendingRequest): Promise<void> {
  const { state } = request;
  if (state.name !== "unresolved") return;
  try {
    const bind = await lookUpNames(state.bind);
    request.state = { name: "ready", call: { method: state.method, bind } };
  } catch (error) {
    request.state = { name: "failed", error };
  }
}

/**
 * Performs a request that is ready or delayed. A `bind` is delayed if its address is
 * in use while released sockets are being closed; the second time it fails.
 */
export function perform(
  request: PendingRequest,
  context: RequestContext,
): void {
  const { state, client } = request;
  if (state.name !== "ready" && state.name !== "delayed") return;
  const { call } = state;
  try {
    request.state = carryOut(call, client, context);
  } catch (error) {
    const isDelayed = state.name === "ready" && call.method === "bind" &&
      context.binds.settling !== undefined && isAddressInUse(error);
    request.state = isDelayed
      ? { name: "delayed", call }
      : { name: "failed", error };
  }
}

function carryOut(
  call: Call,
  client: Client,
  context: RequestContext,
): RequestState {
  switch (call.method) {
    case "bind":
      return { name: "granted", grant: grantBind(call.bind, client, context) };
    case "release":
      releaseBind(call.bind, client, context);
      return { name: "done", result: true };
    case "list":
      authorizeReading(call.method, client, context);
      return { name: "done", result: listMethod(context.binds) };
    case "status":
      authorizeReading(call.method, client, context);
      return { name: "done", result: context.status() };
  }
}

/** Logs at level debug, because monitoring asks often. */
function authorizeReading(
  method: Method,
  client: Client,
  { authorization, log }: RequestContext,
): void {
  const rule = authorization.allow(client, { method });
  log.debug(`${method} granted`, { ...client.peer, decision: "granted", rule });
}
