import { LogLevels } from "@std/log/levels";
import { type Address, formatAddress } from "../../address.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import type { FileAccess } from "../../ffi/files/file.ts";
import type { Peer } from "../../ffi/sockets/socket.ts";
import {
  DEFAULT_BACKLOG,
  ErrorCode,
  hasBacklog,
  type WireOptions,
} from "../../protocol.ts";
import type { Authorization, Client } from "../policy/authorization.ts";
import { changedOptions } from "../sockets/bind_options.ts";
import {
  type Candidate,
  candidatesOf,
  type ResolvedBind,
} from "./bind_params.ts";
import { type Bind, type BindTable, newBind } from "../sockets/bind_table.ts";
import type { Counters } from "../log/counters.ts";
import { refuseReserve } from "../daemon/descriptor_reserve.ts";
import type { Limits } from "../daemon/limits.ts";
import { boundSocket, changeSocket } from "../sockets/listening_socket.ts";
import type { Log } from "../log/log.ts";
import { bindError, RequestError } from "./request_error.ts";
import type { SharedDescriptor } from "../sockets/shared_descriptor.ts";

/** The parts of the daemon that `bind` and `release` use. */
export interface BindContext {
  /** The held sockets. */
  readonly binds: BindTable;
  readonly authorization: Authorization;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly log: Log;
}

/** A socket for an answer that is not sent yet. */
export interface Grant {
  readonly bind: Bind;
  /** The sender of the answer releases this reference. */
  readonly socket: SharedDescriptor;
  /** Whether it was bound for this request. */
  readonly isNew: boolean;
  /** Credentials of the client. */
  readonly peer: Peer;
  /** The rule that allowed it. */
  readonly rule: string;
}

/**
 * Performs `bind`: returns the held socket of the address, or binds a new one.
 * Call {@linkcode handOver} or {@linkcode undoBind} afterwards.
 *
 * @throws {RequestError}
 */
export function grantBind(
  { addresses, options, access }: ResolvedBind,
  client: Client,
  context: BindContext,
): Grant {
  const { binds, authorization } = context;
  const { peer } = client;
  if (binds.closed) throw bindError(new Error("the daemon is stopping"));
  const optionNames = Object.keys(options);
  const allow = ({ address, asked }: Candidate) =>
    authorization.allow(
      client,
      { method: "bind", address, options: optionNames },
      asked,
    );
  const candidates = candidatesOf(addresses);
  for (const candidate of candidates) {
    const held = binds.get(candidate.identity);
    if (held === undefined) continue;
    const rule = allow(candidate);
    change(held, options, access);
    const socket = held.socket.retain();
    return { bind: held, socket, isNew: false, peer, rule };
  }
  return firstOf(candidates, (candidate) => {
    const rule = allow(candidate);
    if (candidate.error !== undefined) throw candidate.error;
    refuseTooMany(context);
    const bind = create(candidate.address, options, access);
    binds.add(bind);
    return { bind, socket: bind.socket.retain(), isNew: true, peer, rule };
  });
}

/**
 * Tries the addresses of a name until one belongs to this machine. Any other
 * failure is final. Otherwise the same request would get another socket later,
 * once the first address is free.
 */
function firstOf<T>(
  candidates: readonly Candidate[],
  attempt: (candidate: Candidate) => T,
): T {
  let failure: RequestError | undefined;
  for (const candidate of candidates) {
    try {
      return attempt(candidate);
    } catch (error) {
      if (!(error instanceof RequestError) || !isUnavailableAddress(error)) {
        throw error;
      }
      failure ??= error;
    }
  }
  throw failure ?? bindError(new Error("the name has no address"));
}

const UNAVAILABLE: ReadonlySet<string> = new Set([
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
]);

function isUnavailableAddress({ data }: RequestError): boolean {
  return typeof data === "object" && data !== null && "code" in data &&
    typeof data.code === "string" && UNAVAILABLE.has(data.code);
}

function refuseTooMany({ binds, limits, counters }: BindContext): void {
  if (binds.size < limits.binds) return;
  counters.refused.binds++;
  throw new RequestError(
    ErrorCode.LIMIT_REACHED,
    `Limit reached: ${binds.size} sockets are held (--max-binds)`,
  );
}

function create(
  address: Address,
  options: WireOptions,
  access: FileAccess,
): Bind {
  const complete = hasBacklog(address.kind)
    ? { backlog: DEFAULT_BACKLOG, ...options }
    : options;
  try {
    refuseReserve("socket");
    return newBind(address, boundSocket(address, options, access), complete);
  } catch (error) {
    if (error instanceof OsError) throw bindError(error);
    throw error;
  }
}

function change(bind: Bind, options: WireOptions, access: FileAccess): void {
  for (const changed of changedOptions(bind.options, options)) {
    try {
      changeSocket(bind, changed, access);
    } catch (error) {
      if (error instanceof OsError) throw bindError(error);
      throw error;
    }
    // Recorded one at a time: if the kernel refuses the next option, this one
    // stays set.
    bind.options = { ...bind.options, ...changed };
  }
}

/** Counts and logs a socket that is handed over. */
export function handOver(
  { bind, isNew, peer, rule }: Grant,
  { log }: BindContext,
): void {
  const { pid, uid, gid } = peer;
  bind.handedOut++;
  bind.lastPeer = { pid, uid, gid, at: Date.now() };
  if (log.level > LogLevels.INFO) return;
  log.info("bind granted", {
    address: formatAddress(bind.address),
    new: isNew,
    pid,
    uid,
    gid,
    decision: "granted",
    rule,
  });
}

/** Reverts a grant. A socket that was bound for it is released. */
export function undoBind(
  { bind, socket, isNew }: Grant,
  binds: BindTable,
): void {
  socket.release();
  if (isNew && binds.get(bind.identity) === bind) binds.release(bind);
}
