/**
 * Acting on files with somebody else's rights: setfsuid(2) and setfsgid(2),
 * which are for one thread and for files only. What a user other than root
 * cannot do this thread cannot do meanwhile either (capabilities(7)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { primaryGroup } from "../processes/accounts.ts";
import { check, Errno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory } from "../libc/memory.ts";

/** What is no number of anybody: the call then only tells who it is now. */
const NOBODY = 0xffffffff;

/** The group of who has none, as the kernel has it (`overflowgid`, proc(5)). */
const NO_GROUP = 65534;

/**
 * Runs `action`, which must not wait for anything, with the rights of a user
 * and of that user's own group; not of other groups that the user is in.
 *
 * @throws {OsError} EPERM where this program may not take them on.
 */
export function withRightsOf<T>(uid: number, action: () => T): T {
  const gid = primaryGroup(uid) ?? NO_GROUP;
  const before = {
    uid: libc().setfsuid(NOBODY),
    gid: libc().setfsgid(NOBODY),
    groups: supplementaryGroups(),
  };
  try {
    setGroups(new Uint32Array(0));
    take("setfsgid", gid);
    take("setfsuid", uid);
    return action();
  } finally {
    take("setfsuid", before.uid);
    take("setfsgid", before.gid);
    setGroups(before.groups);
  }
}

/** Neither call tells whether it did anything. */
function take(call: "setfsuid" | "setfsgid", id: number): void {
  libc()[call](id);
  if (libc()[call](NOBODY) !== id) {
    throw new OsError(call, Errno.EPERM, `${id}`);
  }
}

function supplementaryGroups(): Uint32Array<ArrayBuffer> {
  const count = check(libc().getgroups(0, new Uint8Array(0)), "getgroups");
  const groups = new Uint32Array(count);
  const bytes = new Uint8Array(groups.buffer);
  check(libc().getgroups(count, bytes), "getgroups");
  return groups;
}

/** The call itself is for one thread, setgroups(3) of the library for all. */
function setGroups(groups: Uint32Array<ArrayBuffer>): void {
  using list = NativeMemory.of(new Uint8Array(groups.buffer));
  const { SYS_setgroups } = abi;
  check(
    libc().syscall3(
      BigInt(SYS_setgroups),
      BigInt(groups.length),
      list.address,
      0n,
    ),
    "setgroups",
  );
}
