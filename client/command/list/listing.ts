import { processId } from "../../../ffi/processes/process.ts";
import type { BindDescription } from "../../../protocol.ts";
import { BindError } from "../../session/errors.ts";
import { type Holder, holdersOf } from "../../session/holders.ts";
import type { CallOptions } from "../../session/options.ts";
import type { Session } from "../../session/session.ts";

/** One element of what `list --json` prints. */
export interface ListedSocket extends BindDescription {
  /**
   * Who holds it beside the daemon; missing with `--no-holders`, and where the
   * daemon is too old to say which socket it is.
   */
  holders?: readonly Holder[];
  /** How many processes could not be looked at: they may hold it too. */
  unreadable?: number;
}

/** Asks what the daemon holds and looks, unless told not to, who else does. */
export async function listing(
  session: Session,
  lookForHolders: boolean,
  options: CallOptions = {},
): Promise<ListedSocket[]> {
  const binds = await session.list(options);
  if (!lookForHolders) return binds;
  const daemon = await daemonOf(session, options);
  // Our own copies, if any, are those that our parent did not close.
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

/** The daemon's process; who may list need not be allowed to ask for it. */
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
