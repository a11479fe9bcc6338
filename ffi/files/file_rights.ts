/**
 * Accesses files with the rights of another user: setfsuid(2) and setfsgid(2),
 * which affect one thread and only files. For a user other than root, the
 * thread also loses root's file capabilities meanwhile (capabilities(7)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { primaryGroup } from "../processes/accounts.ts";
import { check, Errno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory } from "../libc/memory.ts";

/** An invalid id: the call then only returns the current id. */
const INVALID_ID = 0xffffffff;

/** The group for a user without one: the kernel's `overflowgid` (proc(5)). */
const NO_GROUP = 65534;

/** The ids that decide about access to files: path_resolution(7). */
export interface Rights {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/** The rights of a user with the primary group and no other. */
export function rightsOf(uid: number): Rights {
  return { uid, gid: primaryGroup(uid) ?? NO_GROUP, groups: [] };
}

/**
 * Runs a synchronous `action` with other rights.
 *
 * @throws {OsError} EPERM when this process may not change its ids.
 */
export function withRightsOf<T>(
  { uid, gid, groups }: Rights,
  action: () => T,
): T {
  const before = {
    uid: libc().setfsuid(INVALID_ID),
    gid: libc().setfsgid(INVALID_ID),
    groups: supplementaryGroups(),
  };
  try {
    setGroups(Uint32Array.from(groups));
    take("setfsgid", gid);
    take("setfsuid", uid);
    return action();
  } finally {
    take("setfsuid", before.uid);
    take("setfsgid", before.gid);
    setGroups(before.groups);
  }
}

/** Neither call reports an error, so a second call verifies the change. */
function take(call: "setfsuid" | "setfsgid", id: number): void {
  libc()[call](id);
  if (libc()[call](INVALID_ID) !== id) {
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

/** The system call changes one thread, setgroups(3) of glibc changes all. */
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
