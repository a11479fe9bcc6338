/**
 * Taking the place of a server that runs: its binds come over first, then its
 * control socket's path, in one step. It may be ended afterwards.
 *
 * @module
 */
import { type Address, canonicalIdentity } from "../address.ts";
import { OsError } from "../ffi/errno.ts";
import { type BindTable, newBind } from "./bind_table.ts";
import { type ControlAccess, ControlSocket } from "./control_socket.ts";
import type { Log } from "./log.ts";
import {
  Predecessor,
  TakeoverError,
  type Wanted,
  wantedOf,
} from "./predecessor.ts";

/** Options of {@linkcode takeOver}. */
export interface TakeoverOptions {
  /** The path of both servers' control socket. */
  path: string;
  /** Who may connect to the new one. */
  access: ControlAccess;
  /** What to ask a server for that cannot list what it holds (Ruby). */
  addresses: readonly Address[];
}

/**
 * Fetches every bind of the server at `path` and puts a control socket in the
 * place of its own; `undefined` when no server listens there.
 *
 * @throws {TakeoverError} when it does not give all of them; then nothing has
 * changed.
 */
export function takeOver(
  { path, access, addresses }: TakeoverOptions,
  binds: BindTable,
  log: Log,
): ControlSocket | undefined {
  using predecessor = Predecessor.connect(path);
  if (predecessor === undefined) return undefined;
  const listed = predecessor.list();
  if (listed === undefined && addresses.length === 0) {
    throw new TakeoverError(
      `the server on ${path} cannot list what it holds: name the addresses, --takeover=127.0.0.1:80,...`,
    );
  }
  fetch(predecessor, [...listed ?? [], ...addresses.map(wantedOf)], binds);
  // From the rename on nothing may fail any more: clients come here.
  const { pid } = predecessor.peer;
  const control = ControlSocket.replace(path, access);
  // What was bound between the first list and the rename.
  if (listed !== undefined) fetchLate(predecessor, binds, log);
  log.warn("took the place of another server, which can be ended now", {
    path,
    binds: binds.size,
    pid,
  });
  return control;
}

/** There is no way back any more: what does not come is left. */
function fetchLate(
  predecessor: Predecessor,
  binds: BindTable,
  log: Log,
): void {
  try {
    fetch(predecessor, predecessor.list() ?? [], binds);
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
  predecessor: Predecessor,
  wanted: readonly Wanted[],
  binds: BindTable,
): void {
  for (const each of wanted) {
    const taken = predecessor.take(each);
    if (binds.get(canonicalIdentity(taken.address)) !== undefined) {
      taken.socket.close();
      continue;
    }
    const { address, socket, file, options } = taken;
    binds.add(newBind(address, { socket, ...(file && { file }) }, options));
  }
}
