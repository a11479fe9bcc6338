/**
 * Takes over from a running server: first its binds, then the path of its
 * control socket in one step. That server can be ended afterwards.
 *
 * @module
 */
import { type Address, canonicalIdentity } from "../../address.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { type BindTable, newBind } from "../sockets/bind_table.ts";
import { type ControlAccess, ControlSocket } from "../daemon/control_socket.ts";
import type { Log } from "../log/log.ts";
import {
  TakeoverClient,
  TakeoverError,
  type WantedBind,
  wantedBind,
} from "./takeover_client.ts";

/** Options of {@linkcode takeOver}. */
export interface TakeoverOptions {
  /** The path of both servers' control socket. */
  path: string;
  /** Who may connect to the new one. */
  access: ControlAccess;
  /** The addresses to ask for if the server has no `list` (Ruby). */
  addresses: readonly Address[];
}

/**
 * Fetches every bind of the server at `path` and replaces its control socket;
 * `undefined` when no server listens there.
 *
 * @throws {TakeoverError} when it does not hand over every bind; then nothing
 * has changed.
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
      `the server on ${path} cannot list what it holds: name the addresses, --takeover=127.0.0.1:80,...`,
    );
  }
  fetch(server, [...listed ?? [], ...addresses.map(wantedBind)], binds);
  // From the rename on nothing may fail: new clients connect to this daemon.
  const { pid } = server.peer;
  const control = ControlSocket.replace(path, access);
  // Sockets that were bound between the first list and the rename.
  if (listed !== undefined) fetchLate(server, binds, log);
  log.warn("took the place of another server, which can be ended now", {
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
    fetch(server, server.list() ?? [], binds);
  } catch (error) {
    if (!(error instanceof OsError) && !(error instanceof TakeoverError)) {
      throw error;
    }
    log.warn("the other server's last binds may be missing", {
      reason: error.message,
    });
  }
}

function fetch(
  server: TakeoverClient,
  wanted: readonly WantedBind[],
  binds: BindTable,
): void {
  for (const each of wanted) {
    const taken = server.take(each);
    if (binds.get(canonicalIdentity(taken.address)) !== undefined) {
      taken.socket.close();
      continue;
    }
    const { address, socket, file, options } = taken;
    binds.add(newBind(address, { socket, ...(file && { file }) }, options));
  }
}
