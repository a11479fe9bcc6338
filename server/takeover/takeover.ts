/**
 * Takes over from a running server: first its binds, then the path of its control
 * socket. That server can be stopped afterwards.
 *
 * @module
 */
import { type Address, canonicalIdentity, hasHost } from "../../address.ts";
import { socketInode } from "../../ffi/sockets/accept_queue.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { type BindTable, newBind } from "../sockets/bind_table.ts";
import { addHolder } from "../sockets/holders.ts";
import { nameOf } from "../sockets/listening_socket.ts";
import { type ControlAccess, ControlSocket } from "../daemon/control_socket.ts";
import { addressFields } from "../log/address_fields.ts";
import type { Log } from "../log/log.ts";
import {
  TakeoverClient,
  TakeoverError,
  type WantedBind,
  wantedBind,
} from "./takeover_client.ts";

/** Options of {@linkcode takeOver}. */
export interface TakeoverOptions {
  /** Path of the control socket of both servers. */
  path: string;
  /** Permissions of the new control socket. */
  access: ControlAccess;
  /** Addresses to ask for if the server has no method `list` (Ruby). */
  addresses: readonly Address[];
}

/**
 * Fetches every bind of the server at `path` and replaces its control socket.
 *
 * @returns the new control socket; `undefined` if no server listens at `path`
 * @throws {TakeoverError} if the server does not hand over every bind; then
 * nothing has changed.
 */
export function takeOver(
  { path, access, addresses }: TakeoverOptions,
  binds: BindTable,
  log: Log,
): ControlSocket | undefined {
  using server = TakeoverClient.connect(path);
  if (server === undefined) return undefined;
  const listed = server.list();
  if (listed === undefined && addresses.length === 0) {
    throw new TakeoverError(
      `the server on ${path} cannot list its binds: name their addresses, as in --takeover=127.0.0.1:80,...`,
    );
  }
  const wanted = [...listed ?? [], ...addresses.map(wantedBind)];
  fetch(server, wanted, binds, log);
  // After the rename nothing may fail: new clients connect to this daemon.
  const { pid } = server.peer;
  const control = ControlSocket.replace(path, access);
  // Sockets may have been bound between the first list and the rename.
  if (listed !== undefined) fetchLate(server, binds, log);
  log.warn("takeover complete, the other server can be stopped", {
    path,
    binds: binds.size,
    pid,
  });
  return control;
}

/** The takeover cannot be undone any more, so an error is only logged. */
function fetchLate(
  server: TakeoverClient,
  binds: BindTable,
  log: Log,
): void {
  try {
    fetch(server, server.list() ?? [], binds, log);
  } catch (error) {
    if (!(error instanceof OsError) && !(error instanceof TakeoverError)) {
      throw error;
    }
    log.warn("sockets bound during the takeover may be missing", {
      reason: error.message,
    });
  }
}

function fetch(
  server: TakeoverClient,
  wanted: readonly WantedBind[],
  binds: BindTable,
  log: Log,
): void {
  let hasUnknownFiles = false;
  for (const each of wanted) {
    const taken = server.take(each);
    if ("reason" in taken) {
      const { address, reason } = taken;
      log.warn("bind not taken over", {
        ...addressFields(address),
        reason,
      });
      continue;
    }
    if (binds.get(canonicalIdentity(taken.address)) !== undefined) {
      taken.socket.close();
      continue;
    }
    const { address, socket, file, options, port, lastPeer } = taken;
    const name = hasHost(address)
      ? nameOf(address, socket.fd, port)
      : undefined;
    const bind = newBind(address, { socket, file, name }, options);
    bind.lastPeer = lastPeer;
    if (lastPeer !== undefined) addHolder(bind, lastPeer.pid);
    binds.add(bind);
    hasUnknownFiles ||= each.listed?.file !== undefined && file === undefined;
  }
  if (hasUnknownFiles) findFiles(server, binds);
}

/** Reads the files of sockets that the server has bound anew to hand them over. */
function findFiles(server: TakeoverClient, binds: BindTable): void {
  const files = new Map(
    server.list()?.map(({ listed }) => [listed?.inode, listed?.file]),
  );
  for (const bind of binds) {
    if (hasHost(bind.address)) continue;
    bind.file ??= files.get(socketInode(bind.socket.fd));
  }
}
