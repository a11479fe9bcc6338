import { AddressError, type HostAddress, hostAddress } from "../address.ts";
import { NameError } from "../ffi/resolver.ts";
import { canonicalHost } from "../ffi/socket_address.ts";
import { lookUp } from "./lookups.ts";
import { bindError, invalidParams } from "./request_error.ts";

/** What `bind` and `release` are asked for. */
export interface BindRequest {
  /** The host may be a name. */
  readonly address: HostAddress;
  /** Undefined where the request names none. */
  readonly backlog: number | undefined;
}

const PARAMS: ReadonlySet<string> = new Set([
  "address",
  "port",
  "kind",
  "backlog",
  "v6only",
]);

// listen(2) takes an int; the kernel caps it at net.core.somaxconn.
const MAX_BACKLOG = 0x7fffffff;

/**
 * Reads the params of `bind` and `release`.
 *
 * @throws {RequestError} -32602 naming what is wrong.
 */
export function readBindParams(params: unknown): BindRequest {
  const first = Array.isArray(params) && params.length === 1
    ? params[0]
    : undefined;
  if (typeof first !== "object" || first === null || Array.isArray(first)) {
    throw invalidParams('bind takes [{"address": ..., "port": ...}]');
  }
  const given = first as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (name === "path") throw invalidParams("path: only kind tcp is served");
    if (!PARAMS.has(name)) throw invalidParams(`unknown option ${name}`);
  }
  if (given.kind !== undefined && given.kind !== "tcp") {
    throw invalidParams("kind: only tcp is served");
  }
  return { address: readAddress(given), backlog: readBacklog(given.backlog) };
}

function readAddress(given: Record<string, unknown>): HostAddress {
  const { address, port, v6only } = given;
  if (typeof address !== "string" || address === "" || address.includes("\0")) {
    throw invalidParams("address is a host, such as 127.0.0.1, ::1 or a name");
  }
  if (address.includes("%")) {
    throw invalidParams("address names an interface, which is not served");
  }
  if (typeof port !== "number") throw invalidParams("port is 0 to 65535");
  if (v6only !== undefined && typeof v6only !== "boolean") {
    throw invalidParams("v6only is true or false");
  }
  try {
    return { ...hostAddress("tcp", address, port), v6only: v6only ?? true };
  } catch (error) {
    if (error instanceof AddressError) throw invalidParams(error.message);
    throw error;
  }
}

function readBacklog(backlog: unknown): number | undefined {
  if (backlog === undefined) return undefined;
  if (
    typeof backlog !== "number" || !Number.isInteger(backlog) || backlog < 0 ||
    backlog > MAX_BACKLOG
  ) {
    throw invalidParams(`backlog is a whole number, 0 to ${MAX_BACKLOG}`);
  }
  return backlog;
}

/**
 * The numeric addresses that are meant, in the order they are tried: IPv4
 * first. A promise for a name.
 *
 * @throws {RequestError} 10000 through the promise for a name without any.
 */
export function numericAddresses(
  address: HostAddress,
): HostAddress[] | Promise<HostAddress[]> {
  const numeric = canonicalHost(address.host);
  return numeric === undefined
    ? resolvedAddresses(address)
    : [{ ...address, host: numeric.host }];
}

async function resolvedAddresses(
  address: HostAddress,
): Promise<HostAddress[]> {
  try {
    const found = await lookUp(address.host, address.port);
    return found.map(({ host }) => ({ ...address, host }));
  } catch (error) {
    if (error instanceof NameError) throw bindError(error);
    throw error;
  }
}
