import { type Address, formatAddress } from "../address.ts";
import { ErrorCode } from "../protocol.ts";
import type { Client } from "./authorization.ts";
import type { BindContext } from "./bind_method.ts";
import {
  candidatesOf,
  numericAddresses,
  readBindParams,
} from "./bind_params.ts";
import { RequestError } from "./request_error.ts";

/** A `release` for which nothing has to be waited for any more. */
export interface PreparedRelease {
  /** As it was asked for. */
  readonly asked: Address;
  /** What it may stand for. */
  readonly addresses: readonly Address[];
}

/**
 * Reads the params of `release` and finds out what the names in it stand for.
 *
 * @throws {RequestError} at once or through the promise, which is for names.
 */
export function prepareRelease(
  params: unknown,
): PreparedRelease | Promise<PreparedRelease> {
  const { address: asked } = readBindParams(params);
  const addresses = numericAddresses(asked);
  return addresses instanceof Promise
    ? addresses.then((addresses) => ({ asked, addresses }))
    : { asked, addresses };
}

/**
 * The method `release`: the daemon closes its copy of a socket and removes its
 * path. Whoever was handed one keeps it.
 *
 * @throws {RequestError} 10004 when nothing is bound to that address.
 */
export function release(
  { asked, addresses }: PreparedRelease,
  client: Client,
  { binds, authorization, log }: BindContext,
): void {
  const candidates = candidatesOf(addresses);
  const bind = candidates.map(({ identity }) => binds.get(identity))
    .find((bind) => bind !== undefined);
  // Who may not release an address is not told whether it is bound either.
  const address = bind?.address ?? candidates[0]?.address ?? asked;
  const wish = { method: "release", address };
  const rule = authorization.allow(client, wish, asked);
  if (bind === undefined) {
    throw candidates[0]?.error ?? new RequestError(
      ErrorCode.NO_SUCH_BIND,
      `No such bind: ${formatAddress(asked)}`,
    );
  }
  binds.release(bind);
  binds.settle();
  log.info("release", {
    address: formatAddress(bind.address),
    ...client.peer,
    decision: "granted",
    rule,
  });
}
