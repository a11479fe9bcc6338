import { LogLevels } from "@std/log/levels";
import { type Address, formatAddress, hasHost } from "../address.ts";
import { OsError } from "../ffi/errno.ts";
import type { FileAccess } from "../ffi/file.ts";
import type { Peer } from "../ffi/socket.ts";
import { DEFAULT_BACKLOG, ErrorCode, type WireOptions } from "../protocol.ts";
import type { Authorization, Client } from "./authorization.ts";
import { changedOptions, hasBacklog } from "./bind_options.ts";
import {
  type Candidate,
  candidatesOf,
  numericAddresses,
  readBindParams,
} from "./bind_params.ts";
import { type Bind, type BindTable, newBind } from "./bind_table.ts";
import type { Counters } from "./counters.ts";
import { fileAccess } from "./file_access.ts";
import type { Limits } from "./limits.ts";
import { boundSocket, changeSocket } from "./listening_socket.ts";
import type { Log } from "./log.ts";
import type { Wish } from "./policy/policy.ts";
import { bindError, RequestError } from "./request_error.ts";
import type { SharedDescriptor } from "./shared_descriptor.ts";

/** What a request needs of the daemon. */
export interface BindContext {
  /** The sockets that are held. */
  readonly binds: BindTable;
  /** Who may do what. */
  readonly authorization: Authorization;
  /** How many sockets may be held. */
  readonly limits: Limits;
  /** What was refused. */
  readonly counters: Counters;
  /** Where each bind is written. */
  readonly log: Log;
}

/** A `bind` for which nothing has to be waited for any more. */
export interface PreparedBind {
  /**
   * Hosts are numeric, in the order they are tried; a path may lead elsewhere
   * each time it is looked at.
   */
  candidates(): readonly Candidate[];
  readonly options: WireOptions;
  readonly optionNames: readonly string[];
  readonly access: FileAccess;
}

/**
 * Reads the params of `bind` and finds out what the names in it stand for.
 *
 * @throws {RequestError} at once or through the promise, which is for names.
 */
export function prepareBind(
  params: unknown,
): PreparedBind | Promise<PreparedBind> {
  const { address, options } = readBindParams(params);
  const addresses = numericAddresses(address);
  const access = fileAccess(options);
  return addresses instanceof Promise || access instanceof Promise
    ? Promise.all([addresses, access]).then(([addresses, access]) =>
      preparedBind(addresses, options, access)
    )
    : preparedBind(addresses, options, access);
}

function preparedBind(
  addresses: readonly Address[],
  options: WireOptions,
  access: FileAccess,
): PreparedBind {
  const fixed = addresses.every(hasHost) ? candidatesOf(addresses) : undefined;
  return {
    candidates: () => fixed ?? candidatesOf(addresses),
    options,
    optionNames: Object.keys(options),
    access,
  };
}

/** A socket that is going to be handed out. */
export interface Grant {
  readonly bind: Bind;
  /** An owner of its own: who sends it lets it go. */
  readonly socket: SharedDescriptor;
  /** Whether it was bound for this request. */
  readonly isNew: boolean;
  /** Who gets it. */
  readonly peer: Peer;
  /** What has allowed it. */
  readonly rule: string;
}

/**
 * The method `bind`: the socket of an address, made at the first request and
 * the same one at every later. It counts as handed out with
 * {@linkcode handOver}, or is taken back with {@linkcode undo}.
 *
 * @throws {RequestError}
 */
export function grantBind(
  { candidates: look, options, optionNames, access }: PreparedBind,
  client: Client,
  context: BindContext,
): Grant {
  const { binds, authorization } = context;
  const { peer } = client;
  if (binds.closed) throw bindError(new Error("the daemon is ending"));
  const candidates = look();
  const wish = (address: Address): Wish => ({
    method: "bind",
    address,
    options: optionNames,
  });
  for (const { asked, address, identity } of candidates) {
    const held = binds.get(identity);
    if (held === undefined) continue;
    const rule = authorization.allow(client, wish(address), asked);
    if (optionNames.length > 0) change(held, options, access);
    return {
      bind: held,
      socket: held.socket.retain(),
      isNew: false,
      peer,
      rule,
    };
  }
  return firstOf(candidates, ({ asked, address, error }) => {
    const rule = authorization.allow(client, wish(address), asked);
    if (error !== undefined) throw error;
    refuseTooMany(context);
    const bind = create(address, options, access);
    binds.add(bind);
    return { bind, socket: bind.socket.retain(), isNew: true, peer, rule };
  });
}

/**
 * The first address that this machine has. Any other failure is final: were
 * the next address taken instead, the same request would get another socket
 * later, when the first one is free.
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
    // One by one: where the kernel refuses the next, this one has changed.
    bind.options = { ...bind.options, ...changed };
  }
}

/** The socket goes out. */
export function handOver(
  { bind, isNew, peer, rule }: Grant,
  { log }: BindContext,
): void {
  const { pid, uid, gid } = peer;
  bind.handedOut++;
  bind.lastPeer = { pid, uid, gid, at: Date.now() };
  if (log.level > LogLevels.INFO) return;
  log.info("bind", {
    address: formatAddress(bind.address),
    new: isNew,
    pid,
    uid,
    gid,
    decision: "granted",
    rule,
  });
}

/** The socket does not go out; one that was bound for that is released. */
export function undo({ bind, socket, isNew }: Grant, binds: BindTable): void {
  socket.release();
  if (isNew && binds.get(bind.identity) === bind) binds.release(bind);
}
