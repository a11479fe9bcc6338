import { ErrorCode } from "../../protocol.ts";
import { logInternalError } from "../log/internal_errors.ts";
import { RequestError } from "./request_error.ts";
import { undoBind } from "./bind_method.ts";
import type { PendingRequest } from "./pending_request.ts";
import { perform, type RequestContext } from "./perform.ts";

/**
 * Performs the requests of a batch, with no other request in between. Its binds
 * are all or nothing: if one fails, the others are undone. If one is delayed, call
 * it again later.
 */
export function performBatch(
  requests: readonly PendingRequest[],
  context: RequestContext,
): void {
  for (const request of requests) perform(request, context);
  if (requests.some(({ state }) => state.name === "delayed")) return;
  const hasFailedBind = requests.some(({ method, state }) =>
    method === "bind" && state.name === "failed"
  );
  if (!hasFailedBind) return;
  // The last one first: each restores what it has found.
  for (const request of requests.toReversed()) undo(request, context);
  context.binds.settle();
}

function undo(
  request: PendingRequest,
  { binds, log }: RequestContext,
): void {
  if (request.state.name !== "granted") return;
  try {
    undoBind(request.state.grant, binds, log);
  } catch (error) {
    // Continue: the other binds have to be undone too.
    logInternalError(log, error);
  }
  const error = new RequestError(
    ErrorCode.COULD_NOT_BIND,
    "Could not bind: another bind of the batch failed",
    { undone: true },
  );
  request.state = { name: "failed", error };
}
