import { formatAddress, type HostAddress } from "../address.ts";
import { OsError } from "../ffi/errno.ts";
import { listenOn, type Peer } from "../ffi/socket.ts";
import { DEFAULT_BACKLOG } from "../protocol.ts";
import { numericAddresses, readBindParams } from "./bind_params.ts";
import { type Bind, type BindTable, newBind } from "./bind_table.ts";
import { listeningSocket, numericTarget } from "./listening_socket.ts";
import type { Log } from "./log.ts";
import { bindError, RequestError } from "./request_error.ts";

/** What `bind` needs of the daemon. */
export interface BindContext {
  /** The sockets that are held. */
  readonly binds: BindTable;
  /** Where each bind is written. */
  readonly log: Log;
}

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
  const { address, backlog } = readBindParams(params);
  const handOutFirst = (addresses: readonly HostAddress[]) => {
    const held = addresses.find((each) => context.binds.get(each));
    const inOrder = held === undefined ? addresses : [held];
    return firstOf(inOrder, (each) => handOut(each, backlog, peer, context));
  };
  const addresses = numericAddresses(address);
  return addresses instanceof Promise
    ? addresses.then(handOutFirst)
    : handOutFirst(addresses);
}

/**
 * The first address that this machine has. Any other failure is final: were
 * the next address taken instead, the same request would get another socket
 * later, when the first one is free.
 */
function firstOf(
  addresses: readonly HostAddress[],
  attempt: (address: HostAddress) => Bind,
): Bind {
  let failure: RequestError | undefined;
  for (const address of addresses) {
    try {
      return attempt(address);
    } catch (error) {
      if (!(error instanceof RequestError) || !isForeignAddress(error)) {
        throw error;
      }
      failure ??= error;
    }
  }
  throw failure ?? bindError(new Error("the name has no address"));
}

const FOREIGN: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

function isForeignAddress({ data }: RequestError): boolean {
  return typeof data === "object" && data !== null && "code" in data &&
    typeof data.code === "string" && FOREIGN.has(data.code);
}

function handOut(
  address: HostAddress,
  backlog: number | undefined,
  peer: Peer,
  { binds, log }: BindContext,
): Bind {
  if (binds.closed) throw bindError(new Error("the daemon is ending"));
  const held = binds.get(address);
  const bind = held ?? create(address, backlog ?? DEFAULT_BACKLOG);
  if (held === undefined) {
    binds.add(bind);
  } else if (backlog !== undefined && backlog !== held.backlog) {
    changeBacklog(held, backlog);
  }
  bind.handedOut++;
  bind.lastPeer = { ...peer, at: Date.now() };
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
    const target = numericTarget(address);
    const socket = listeningSocket(target, address.v6only, backlog);
    return newBind(address, socket, backlog);
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
