import {
  type Address,
  AddressError,
  identityOf,
  parseAddress,
} from "../../../address.ts";
import { statusOf } from "../../../ffi/files/file.ts";
import { OsError } from "../../../ffi/libc/errno.ts";
import { isRunning, processId } from "../../../ffi/processes/process.ts";
import type { BindDescription } from "../../../protocol.ts";
import { BindError } from "../../session/errors.ts";
import {
  type Holder,
  holdersOf,
  type SocketHolders,
} from "../../session/holders.ts";
import type { CallOptions } from "../../session/options.ts";
import type { Session } from "../../session/session.ts";

/** One element of what `list --json` prints. */
export interface ListedSocket extends BindDescription {
  /**
   * The processes that hold it beside the daemon. Missing with `--no-holders` and
   * if an older daemon does not send the inode.
   */
  holders?: readonly Holder[];
  /** How many processes could not be inspected: they may hold it too. */
  unreadable?: number;
  /**
   * PIDs of processes among them that hold it probably: the last one that received
   * it, if it still runs.
   */
  not_visible?: readonly number[];
  /** Why the processes could not be searched. */
  search_error?: string;
}

/** Which sockets are listed, and what of them. */
export interface Listing {
  /** Only those of this address. Default: all. */
  address?: Address | undefined;
  /** Whether to search the processes that hold them. */
  holders: boolean;
}

/** Asks for the binds, and searches the processes that hold them. */
export async function listing(
  session: Session,
  { address, holders: withHolders }: Listing,
  options: CallOptions = {},
): Promise<ListedSocket[]> {
  const all = await session.list(options);
  const binds = address === undefined
    ? all
    : all.filter((bind) => isAt(bind, identityOf(address)));
  if (!withHolders) return binds;
  const daemon = await daemonOf(session, options);
  // This process holds a socket only if its parent did not close it.
  const except = daemon === undefined ? [processId()] : [daemon, processId()];
  let found: SocketHolders;
  try {
    found = await holdersOf(binds, { except, signal: options.signal });
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    // Without /proc the binds are known all the same.
    return binds.map((bind) => ({ ...bind, search_error: error.message }));
  }
  const { byInode, unreadable } = found;
  return binds.map((bind): ListedSocket => {
    if (bind.inode === undefined) return bind;
    const holders = byInode.get(bind.inode) ?? [];
    const notVisible = unseenReceivers(bind, holders, found, except);
    return {
      ...bind,
      holders,
      unreadable,
      ...(notVisible.length > 0 && { not_visible: notVisible }),
    };
  });
}

/** Whether a bind, or its port that the kernel chose, is that of an address. */
function isAt({ address, bound }: BindDescription, identity: string): boolean {
  return [address, bound].some((text) => identityIn(text) === identity);
}

/** Undefined for an address that only a newer daemon has. */
function identityIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return identityOf(parseAddress(text));
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/** The last receiver, if it runs and this process may not look at it. */
export function unseenReceivers(
  { last_peer }: Partial<BindDescription>,
  holders: readonly Holder[],
  { unreadablePids }: SocketHolders,
  except: readonly number[],
): number[] {
  const pid = last_peer?.pid;
  // It is 0 in another PID namespace.
  if (pid === undefined || pid <= 0 || except.includes(pid)) return [];
  if (holders.some((each) => each.pid === pid)) return [];
  const isUnseen = unreadablePids.has(pid) || isHidden(pid);
  return isUnseen ? [pid] : [];
}

/** Whether /proc hides the process: its mount option `hidepid` (proc(5)). */
function isHidden(pid: number): boolean {
  return isRunning(pid) && statusOf(`/proc/${pid}`) === undefined;
}

/** The PID of the daemon, if it is known. The policy may allow `list` and deny `status`. */
export async function daemonOf(
  session: Session,
  options: CallOptions = {},
): Promise<number | undefined> {
  try {
    return (await session.status(options)).pid;
  } catch (error) {
    if (error instanceof BindError) return undefined;
    throw error;
  }
}
