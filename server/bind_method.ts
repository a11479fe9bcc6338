import {
  AddressError,
  formatAddress,
  type HostAddress,
  hostAddress,
} from "../address.ts";
import { OsError } from "../ffi/errno.ts";
import { NameError, resolveHost } from "../ffi/resolver.ts";
import { listenOn, type Peer } from "../ffi/socket.ts";
import { canonicalHost } from "../ffi/socket_address.ts";
import { DEFAULT_BACKLOG } from "../protocol.ts";
import type { Bind, BindTable } from "./bind_table.ts";
import { listeningSocket, numericTarget } from "./listening_socket.ts";
import type { Log } from "./log.ts";
import { bindError, invalidParams, RequestError } from "./request_error.ts";

/** What `bind` needs of the daemon. */
export interface BindContext {
  /** The sockets that are held. */
  readonly binds: BindTable;
  /** Where each bind is written. */
  readonly log: Log;
}

interface BindRequest {
  address: HostAddress;
  backlog: number | undefined;
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
 * The method `bind`: the socket of an address, made at the first request and
 * the same one at every later.
 *
 * @throws {RequestError} at once or through the promise, which is for names.
 */
export function bindMethod(
  params: unknown,
  peer: Peer,
  context: BindContext,
): Bind | Promise<Bind> {
  const request = readParams(params);
  const numeric = canonicalHost(request.address.host);
  if (numeric === undefined) return bindName(request, peer, context);
  const address = { ...request.address, host: numeric.host };
  return handOut({ ...request, address }, peer, context);
}

async function bindName(
  request: BindRequest,
  peer: Peer,
  context: BindContext,
): Promise<Bind> {
  const { host, port } = request.address;
  let failure: RequestError | undefined;
  for (const found of await addressesOf(host, port)) {
    const address = { ...request.address, host: found.host };
    try {
      return handOut({ ...request, address }, peer, context);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      failure ??= error;
    }
  }
  throw failure ?? bindError(new Error(`${host} has no address`));
}

async function addressesOf(host: string, port: number) {
  try {
    return await resolveHost(host, port);
  } catch (error) {
    if (error instanceof NameError) throw bindError(error);
    throw error;
  }
}

function handOut(
  { address, backlog }: BindRequest,
  peer: Peer,
  { binds, log }: BindContext,
): Bind {
  const held = binds.get(address);
  const bind = held ?? create(address, backlog ?? DEFAULT_BACKLOG);
  if (held === undefined) {
    binds.add(bind);
  } else if (backlog !== undefined && backlog !== held.backlog) {
    changeBacklog(held, backlog);
  }
  bind.handedOut++;
  bind.lastPeer = { ...peer, at: new Date().toISOString() };
  log.info("bind", {
    address: formatAddress(address),
    new: held === undefined,
    pid: peer.pid,
    uid: peer.uid,
    gid: peer.gid,
  });
  return bind;
}

function create(address: HostAddress, backlog: number): Bind {
  try {
    return {
      address,
      socket: listeningSocket(numericTarget(address), address.v6only, backlog),
      backlog,
      boundAt: new Date().toISOString(),
      handedOut: 0,
    };
  } catch (error) {
    if (error instanceof OsError) throw bindError(error);
    throw error;
  }
}

function changeBacklog(bind: Bind, backlog: number): void {
  try {
    listenOn(bind.socket.fd, backlog);
  } catch (error) {
    if (error instanceof OsError) throw bindError(error);
    throw error;
  }
  bind.backlog = backlog;
}

function readParams(params: unknown): BindRequest {
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
