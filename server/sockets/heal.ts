/**
 * Heals held sockets before they are handed out: reverts what a holder has done
 * to a socket, or binds a new one at its address.
 *
 * @module
 */
import { hasHost, type HostAddress } from "../../address.ts";
import { isNonblocking, setNonblocking } from "../../ffi/files/descriptor.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import {
  bindSocket,
  bindToDevice,
  boundDevice,
  listenOn,
} from "../../ffi/sockets/socket.ts";
import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";
import { clearError, disconnect } from "../../ffi/sockets/socket_state.ts";
import type { Shard } from "./shards/shard_places.ts";
import { addressFields } from "../log/address_fields.ts";
import type { Log } from "../log/log.ts";
import { damagedError, RequestError } from "../requests/request_error.ts";
import { type Bind, type BindTable, isShard } from "./bind_table.ts";
import { mayBeHeld } from "./holders.ts";
import { listenIfQueued, setV6only } from "./listening_socket.ts";
import { type Asked, bindAnew } from "./bind_anew.ts";
import {
  type Damage,
  damageOf,
  hasLockedFilter,
  hasOwnV6only,
  isFilterLocked,
  isInPlace,
} from "./socket_damage.ts";

/** What healing needs beside the bind. */
export interface HealContext {
  readonly binds: BindTable;
  readonly log: Log;
}

/** What a request asks for that no client has made. */
const NOTHING: Asked = { options: {}, access: {} };

/**
 * Makes sure that a held socket is what it was bound as, except for O_NONBLOCK
 * ({@linkcode unblock}).
 *
 * @throws {RequestError} 10000 if it can neither be healed nor bound anew.
 */
export function heal(
  bind: Bind,
  context: HealContext,
  asked: Asked,
): void {
  try {
    const damage = damageOrFilter(bind, context);
    if (damage !== undefined) repair(bind, damage, context, asked);
    // Restores the backlog too: servers call listen(2) with their own.
    else if (bind.options.backlog !== undefined) {
      listenOn(bind.socket.fd, bind.options.backlog);
    }
  } catch (error) {
    if (error instanceof OsError) throw damagedError(undefined, error);
    throw error;
  }
}

/**
 * Heals a socket that another server hands over. It creates no file at a path that
 * is not that of the socket any more: the next `bind` does, with the rights of its
 * client.
 *
 * @throws {RequestError} 10000 if it can neither be healed nor bound anew.
 */
export function healInPlace(bind: Bind, context: HealContext): void {
  if (isInPlace(bind)) heal(bind, context, NOTHING);
}

/** Heals every held socket. One that cannot be healed stays: `bind` tries again. */
export function healAll(context: HealContext): void {
  healEach(context, (bind) => heal(bind, context, NOTHING));
}

/** Heals every held socket after a takeover, as {@linkcode healInPlace} does. */
export function healAllInPlace(context: HealContext): void {
  healEach(context, (bind) => healInPlace(bind, context));
}

/**
 * An abstract name is free once the service manager has closed its copy of the
 * socket too, so it is left to the next `bind`, which can wait.
 */
function healEach({ binds }: HealContext, healOne: (bind: Bind) => void): void {
  for (const bind of [...binds]) {
    const { address } = bind;
    if (!hasHost(address) && address.path.startsWith("@")) continue;
    try {
      healOne(bind);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
    }
  }
  binds.groups.refresh();
}

function damageOrFilter(bind: Bind, context: HealContext): Damage | undefined {
  const damage = damageOf(bind);
  if (damage !== undefined) return damage;
  if (isGated(bind, context)) {
    return isFilterLocked(bind) ? "it has a locked filter" : undefined;
  }
  const logDetached = () => logHealed(bind, context, "it had a filter");
  return hasLockedFilter(bind, logDetached)
    ? "it has a locked filter"
    : undefined;
}

/** Whether it has the filter of a shard that gets no new connections. */
function isGated(bind: Bind, { binds }: HealContext): boolean {
  return isShard(bind) && binds.groups.of(bind.address)?.isGated(bind) === true;
}

function logHealed(
  { address }: Bind,
  { log }: HealContext,
  what: string,
): void {
  log.warn("socket healed", { ...addressFields(address), what });
}

function repair(
  bind: Bind,
  damage: Damage,
  context: HealContext,
  asked: Asked,
): void {
  const group = isShard(bind)
    ? context.binds.groups.of(bind.address)
    : undefined;
  if (isShard(bind) && leavesGroup(bind, damage)) group?.leave(bind);
  if (damage !== "it has a locked filter" && isHealed(bind, context)) {
    if (isShard(bind)) group?.join(bind);
    logHealed(bind, context, damage);
    return;
  }
  const fields = addressFields(bind.address);
  try {
    bindAnew(bind, context.binds, asked);
  } catch (error) {
    if (!(error instanceof OsError) && !(error instanceof RequestError)) {
      throw error;
    }
    const { message } = error;
    context.log.warn("socket not healed", {
      ...fields,
      what: damage,
      reason: message,
    });
    throw damagedError(damage, error);
  }
  context.log.warn("socket bound anew", { ...fields, reason: damage });
}

/**
 * Whether the kernel removes a socket from its group when {@linkcode restore} or
 * bindAnew() disconnects it. A UDP socket stays if its port was asked for.
 */
function leavesGroup({ address }: Bind & Shard, damage: Damage): boolean {
  if (address.kind === "tcp") return true;
  const isPortChosen = address.port === 0 && address.shard === undefined;
  return isPortChosen && damage !== "it has a locked filter";
}

/** Tries to revert the damage without another socket. */
function isHealed(bind: Bind, context: HealContext): boolean {
  const { address, socket: { fd }, name } = bind;
  try {
    if (hasHost(address)) {
      if (name === undefined) return false;
      restore(address, fd, name);
      listenIfQueued(fd, address, bind.options);
    } else if (address.kind === "unixgram") {
      disconnect(fd);
    }
    return damageOrFilter(bind, context) === undefined;
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}

function restore(
  address: HostAddress,
  fd: number,
  name: InternetAddress,
): void {
  const { device } = address;
  disconnect(fd);
  clearError(fd);
  if (!hasOwnV6only(fd, address, name)) setV6only(fd, address.v6only);
  bindIfUnbound(fd, name);
  if (boundDevice(fd) !== device) bindToDevice(fd, device ?? "");
}

/**
 * A port that the kernel chose is lost when a UDP socket is disconnected or a TCP
 * socket is shut down, and getsockname(2) may still report it.
 */
function bindIfUnbound(fd: number, name: InternetAddress): void {
  try {
    bindSocket(fd, name);
  } catch (error) {
    const isBound = error instanceof OsError && error.errno === Errno.EINVAL;
    if (!isBound) throw error;
  }
}

/**
 * Clears O_NONBLOCK, unless a process that got the socket may be running: the flag
 * belongs to all holders, and an event loop that relies on it would block in
 * accept(2) with all its connections.
 *
 * @throws {RequestError} 10000 if the flags cannot be read or set.
 */
export function unblock(bind: Bind, { log }: HealContext): void {
  const { address, socket: { fd } } = bind;
  try {
    if (!isNonblocking(fd)) return;
    if (mayBeHeld(bind)) return;
    setNonblocking(fd, false);
  } catch (error) {
    if (error instanceof OsError) throw damagedError(undefined, error);
    throw error;
  }
  log.info("socket healed", {
    ...addressFields(address),
    what: "O_NONBLOCK was set",
  });
}
