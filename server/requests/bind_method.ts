import { LogLevels } from "@std/log/levels";
import {
  type Address,
  canonicalIdentity,
  formatAddress,
  hasHost,
} from "../../address.ts";
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
  bindAccess,
  type Candidate,
  candidatesOf,
  type ResolvedBind,
} from "./bind_params.ts";
import { type Bind, type BindTable, newBind } from "../sockets/bind_table.ts";
import type { Counters } from "../log/counters.ts";
import { refuseReserve } from "../daemon/descriptor_reserve.ts";
import type { Limits } from "../daemon/limits.ts";
import { addHolder, usedShards } from "../sockets/holders.ts";
import { heal, healInPlace, unblock } from "../sockets/heal.ts";
import { boundSocket, changeSocket } from "../sockets/listening_socket.ts";
import { addressFields } from "../log/address_fields.ts";
import type { Log } from "../log/log.ts";
import { bindError, noSuchBind, RequestError } from "./request_error.ts";
import type { ShardGroup } from "../sockets/shards/shard_group.ts";
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

/** How many sockets of a group get new connections. */
interface ShardsChange {
  /** Before the request; undefined without a group. */
  readonly before?: number;
  /** Fewer than before, because no process has the others any more. */
  readonly used?: number;
}

/** A socket for an answer that is not sent yet. */
export interface Grant {
  readonly bind: Bind;
  /** The sender of the answer releases this reference. */
  readonly socket: SharedDescriptor;
  /** Whether it was bound for this request. */
  readonly isNew: boolean;
  readonly change: ShardsChange;
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
  bind: ResolvedBind,
  client: Client,
  context: BindContext,
): Grant {
  const { binds, authorization } = context;
  if (binds.closed) throw bindError(new Error("the daemon is stopping"));
  if (bind.held) return grantHeld(bind, client, context);
  const { addresses, options, access, shards } = bind;
  const { peer } = client;
  const optionNames = Object.keys(options);
  const allow = (candidate: Candidate) =>
    authorization.allow(
      client,
      bindAccess(candidate, optionNames),
      candidate.asked,
    );
  const candidates = candidatesOf(addresses, client);
  for (const candidate of candidates) {
    const held = binds.get(candidate.identity);
    if (held === undefined) continue;
    const rule = allow(candidate);
    return inGroup(candidate.address, shards, context, (group) => {
      heal(held, context, { options, access });
      change(held, options, access);
      unblock(held, context);
      const socket = held.socket;
      return { bind: held, socket, isNew: false, change: group, peer, rule };
    });
  }
  return firstOf(candidates, (candidate) => {
    const rule = allow(candidate);
    if (candidate.error !== undefined) throw candidate.error;
    refuseTooMany(context);
    return inGroup(candidate.address, shards, context, (group) => {
      const bind = create(candidate.address, options, access, binds);
      binds.add(bind);
      reportIpv4Only(bind, context);
      const { socket } = bind;
      return { bind, socket, isNew: true, change: group, peer, rule };
    });
  });
}

/** Grants a held socket. Its path is that of the bind, links included. */
function grantHeld(
  { asked, addresses }: ResolvedBind,
  client: Client,
  context: BindContext,
): Grant {
  const { binds, authorization } = context;
  const held = addresses.map((each) => binds.get(canonicalIdentity(each)))
    .find((each) => each !== undefined);
  // A client that may not bind an address must not learn whether it is bound.
  const address = held?.address ?? addresses[0] ?? asked;
  const rule = authorization.allow(
    client,
    { method: "bind", address, options: [] },
    asked,
  );
  if (held === undefined) throw noSuchBind(asked);
  try {
    healInPlace(held, context);
  } finally {
    // Also a socket that could not be healed may have left its group.
    applyGroup(held.address, binds, context.log);
  }
  const socket = held.socket.retain();
  const { peer } = client;
  return { bind: held, socket, isNew: false, change: {}, peer, rule };
}

/**
 * Grants a socket whose address may have a group, and has the group take effect.
 *
 * @throws {RequestError} then the group is as before, and a new socket is released.
 */
function inGroup(
  address: Address,
  shards: number | undefined,
  { binds, log }: BindContext,
  grant: (change: ShardsChange) => Grant,
): Grant {
  const group = groupFor(address, shards, binds);
  const before = group?.shards;
  let granted: Grant | undefined;
  try {
    granted = grant(changeShards(group, address, shards, binds));
    group?.apply();
    granted.socket.retain();
    return granted;
  } catch (error) {
    if (group !== undefined && before !== undefined) group.shards = before;
    if (granted?.isNew) binds.release(granted.bind);
    regroup(address, binds, log);
    if (error instanceof OsError) throw bindError(error);
    throw error;
  }
}

/** Takes effect with {@linkcode ShardGroup.apply}. */
function changeShards(
  group: ShardGroup | undefined,
  address: Address,
  shards: number | undefined,
  binds: BindTable,
): ShardsChange {
  if (group === undefined || !hasHost(address)) return {};
  const before = group.shards;
  if (shards !== undefined) {
    group.shards = shards;
    return { before };
  }
  const used = usedShards(address, before, binds);
  if (used === before) return { before };
  group.shards = used;
  return { before, used };
}

function groupFor(
  address: Address,
  shards: number | undefined,
  binds: BindTable,
): ShardGroup | undefined {
  if (!hasHost(address)) return undefined;
  return shards === undefined
    ? binds.groups.of(address)
    : binds.group(address, shards);
}

/** Has the group of an address take effect after one of its sockets has gone. */
export function regroup(address: Address, binds: BindTable, log: Log): void {
  applyGroup(address, binds, log);
  if (hasHost(address)) binds.groups.removeIfPlain(address);
}

/** Has the group of an address take effect, if it has one. */
function applyGroup(address: Address, binds: BindTable, log: Log): void {
  if (!hasHost(address)) return;
  try {
    binds.groups.of(address)?.apply();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    log.warn("shards not changed", {
      ...addressFields(address),
      reason: error.message,
    });
  }
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

/** IPv6 is switched off, so `:PORT` has become an IPv4 socket. */
function reportIpv4Only({ address, name }: Bind, { log }: BindContext): void {
  if (!hasHost(address) || name === undefined) return;
  if (!address.host.includes(":") || name.family === "ipv6") return;
  log.warn("IPv6 is switched off, bound to IPv4 only", {
    address: formatAddress(address),
    bound: formatAddress({ ...address, host: "0.0.0.0", port: name.port }),
  });
}

function create(
  address: Address,
  options: WireOptions,
  access: FileAccess,
  binds: BindTable,
): Bind {
  const complete = hasBacklog(address.kind)
    ? { backlog: DEFAULT_BACKLOG, ...options }
    : options;
  try {
    refuseReserve("socket");
    const among = hasHost(address) ? binds.amongShards(address) : {};
    const bound = boundSocket(address, options, access, among);
    return newBind(address, bound, complete);
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
  { bind, isNew, change, peer, rule }: Grant,
  { log }: BindContext,
): void {
  const { pid, uid, gid } = peer;
  bind.handedOut++;
  bind.lastPeer = { pid, uid, gid, at: Date.now() };
  addHolder(bind, pid);
  if (change.used !== undefined) {
    log.warn("unused shards get no new connections", {
      ...addressFields(bind.address),
      shards: change.used,
      before: change.before,
    });
  }
  if (log.level > LogLevels.INFO) return;
  log.info("bind granted", {
    ...addressFields(bind.address),
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
  { bind, socket, isNew, change: { before } }: Grant,
  binds: BindTable,
  log: Log,
): void {
  const { address } = bind;
  socket.release();
  if (isNew && binds.get(bind.identity) === bind) binds.release(bind);
  if (!hasHost(address) || before === undefined) return;
  const group = binds.groups.of(address);
  if (group !== undefined) group.shards = before;
  regroup(address, binds, log);
}
