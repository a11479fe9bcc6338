/**
 * Binds a new socket at the address of a held one that cannot be healed.
 *
 * @module
 */
import { hasHost, type PathAddress } from "../../address.ts";
import type { FileAccess } from "../../ffi/files/file.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { groupId, userId } from "../../ffi/processes/accounts.ts";
import { tryConnect } from "../../ffi/sockets/socket.ts";
import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";
import { disconnect, isBoundTo } from "../../ffi/sockets/socket_state.ts";
import type { WireOptions } from "../../protocol.ts";
import { bindError } from "../requests/request_error.ts";
import type { Bind, BindTable } from "./bind_table.ts";
import {
  type BoundSocket,
  boundSocket,
  type Predecessor,
  setReuseAddress,
} from "./listening_socket.ts";

/** The options and the access of a request for the socket. */
export interface Asked {
  readonly options: WireOptions;
  readonly access: FileAccess;
}

/**
 * Gives a bind a new socket at its address, with its options. Holders keep the
 * old socket, which gets no more connections or datagrams.
 *
 * @throws {OsError} EADDRINUSE if another program has the address.
 * @throws {RequestError} if the owner or the group of its file does not exist.
 */
export function bindAnew(bind: Bind, binds: BindTable, asked: Asked): void {
  const { address, options, file } = bind;
  if (hasHost(address)) {
    binds.replace(bind, boundToHost(bind, binds.amongShards(address)));
  } else if (address.path.startsWith("@")) {
    bindNameAnew(bind, address, binds);
  } else {
    const access = accessOf(options, asked);
    binds.replace(bind, boundSocket(address, options, access, { file }));
  }
}

/**
 * An abstract name is free once every copy of its socket is closed. So the entry
 * goes first, and stays away if a holder still has the socket.
 */
function bindNameAnew(
  bind: Bind,
  address: PathAddress,
  binds: BindTable,
): void {
  binds.release(bind);
  binds.settle();
  const { socket } = boundSocket(address, bind.options, {});
  binds.addAgain(bind, { socket });
}

function boundToHost(bind: Bind, among: Predecessor): BoundSocket {
  const { address, options, socket: { fd }, name } = bind;
  if (!hasHost(address) || name === undefined) {
    return boundSocket(address, options, {}, among);
  }
  if (address.kind === "udp" && isBoundTo(fd, name)) {
    return boundBeside(bind, name, among);
  }
  if (address.kind === "tcp") makeWay(fd);
  try {
    return boundSocket(address, options, {}, { ...among, port: name.port });
  } catch (error) {
    const isTaken = error instanceof OsError &&
      error.errno === Errno.EADDRINUSE;
    if (!isTaken || address.port !== 0) throw error;
    // Another program has the port that the kernel chose: any other will do.
    return boundSocket(address, options, {}, among);
  }
}

/** A TCP port can be bound again while its old socket does not listen. */
function makeWay(fd: number): void {
  disconnect(fd);
  setReuseAddress(fd, true);
}

/**
 * Shares a UDP address with the old socket, which a holder may keep for ever. The
 * old one is connected to itself, so that it gets no datagram of anybody else.
 */
function boundBeside(
  { address, options, socket: { fd } }: Bind,
  name: InternetAddress,
  among: Predecessor,
): BoundSocket {
  setReuseAddress(fd, true);
  try {
    const made = boundSocket(address, options, {}, {
      ...among,
      port: name.port,
      sharesAddress: true,
    });
    tryConnect(fd, name);
    return made;
  } finally {
    setReuseAddress(fd, false);
  }
}

/** Mode, owner and group of the file: as requested now, or else before. */
function accessOf(held: WireOptions, { options, access }: Asked): FileAccess {
  const { mode, owner, group } = { ...held, ...options };
  const uid = access.uid ?? numberOf(owner, "user", userId);
  const gid = access.gid ?? numberOf(group, "group", groupId);
  return {
    ...(mode !== undefined && { mode: parseInt(mode, 8) }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
}

function numberOf(
  account: string | number | undefined,
  what: string,
  look: (name: string) => number | undefined,
): number | undefined {
  if (account === undefined || typeof account === "number") return account;
  const found = look(account);
  if (found !== undefined) return found;
  throw bindError(new Error(`${what} ${account} does not exist`));
}
