/**
 * Acting on files with somebody else's rights: setfsuid(2) and setfsgid(2),
 * which are for one thread and for files only. What a user other than root
 * cannot do this thread cannot do meanwhile either (capabilities(7)).
 *
 * @module
 */
import { Errno, OsError } from "./errno.ts";
import { libc } from "./libc.ts";

/** A user and a group. */
export interface FileRights {
  uid: number;
  gid: number;
}

/** What is no number of anybody: the call then only tells who it is now. */
const NOBODY = 0xffffffff;

/**
 * Runs `action`, which must not wait for anything, with these rights.
 *
 * @throws {OsError} EPERM where this program may not take them on.
 */
export function withRightsOf<T>(
  { uid, gid }: FileRights,
  action: () => T,
): T {
  const before = {
    uid: libc().setfsuid(NOBODY),
    gid: libc().setfsgid(NOBODY),
  };
  try {
    take("setfsgid", gid);
    take("setfsuid", uid);
    return action();
  } finally {
    // The user first: the group cannot be changed by anybody but root.
    take("setfsuid", before.uid);
    take("setfsgid", before.gid);
  }
}

/** Neither call tells whether it did anything. */
function take(call: "setfsuid" | "setfsgid", id: number): void {
  libc()[call](id);
  if (libc()[call](NOBODY) !== id) {
    throw new OsError(call, Errno.EPERM, `${id}`);
  }
}
