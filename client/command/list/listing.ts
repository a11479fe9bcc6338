import { processId } from "../../../ffi/processes/process.ts";
import type { BindDescription } from "../../../protocol.ts";
import { BindError } from "../../session/errors.ts";
import { type Holder, holdersOf } from "../../session/holders.ts";
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
}

/** Asks for the binds, and searches the processes that hold them. */
export async function listing(
  session: Session,
  withHolders: boolean,
  options: CallOptions = {},
): Promise<ListedSocket[]> {
  const binds = await session.list(options);
  if (!withHolders) return binds;
  const daemon = await daemonOf(session, options);
  // This process holds a socket only if its parent did not close it.
  const { byInode, unreadable } = await holdersOf(binds, {
    except: daemon === undefined ? [processId()] : [daemon, processId()],
    ...(options.signal && { signal: options.signal }),
  });
  return binds.map((bind): ListedSocket =>
    bind.inode === undefined
      ? bind
      : { ...bind, holders: byInode.get(bind.inode) ?? [], unreadable }
  );
}

/** The PID of the daemon. The policy may allow `list` and deny `status`. */
async function daemonOf(
  session: Session,
  options: CallOptions,
): Promise<number | undefined> {
  try {
    return (await session.status(options)).pid;
  } catch (error) {
    if (error instanceof BindError) return undefined;
    throw error;
  }
}
