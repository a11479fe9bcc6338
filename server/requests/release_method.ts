import { addressFields } from "../log/address_fields.ts";
import type { Client } from "../policy/authorization.ts";
import { noSuchBind } from "./request_error.ts";
import { type BindContext, regroup } from "./bind_method.ts";
import { candidatesOf, type ResolvedBind } from "./bind_params.ts";

/**
 * Performs `release`: closes the daemon's copy of a socket and removes its path.
 * Processes that have a copy keep it.
 *
 * @throws {RequestError} 10004 if no socket is bound to the address.
 */
export function releaseBind(
  { asked, addresses }: ResolvedBind,
  client: Client,
  { binds, authorization, log }: BindContext,
): void {
  const candidates = candidatesOf(addresses, client);
  const bind = candidates.map(({ identity }) => binds.get(identity))
    .find((bind) => bind !== undefined);
  // A client that may not release an address must not learn whether it is
  // bound.
  const address = bind?.address ?? candidates[0]?.address ?? asked;
  const rule = authorization.allow(
    client,
    { method: "release", address },
    asked,
  );
  if (bind === undefined) {
    throw candidates[0]?.error ?? noSuchBind(asked);
  }
  binds.release(bind);
  regroup(bind.address, binds, log);
  binds.settle();
  log.info("release granted", {
    ...addressFields(bind.address),
    ...client.peer,
    decision: "granted",
    rule,
  });
}
