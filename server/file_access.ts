import type { FileAccess } from "../ffi/file.ts";
import type { WireOptions } from "../protocol.ts";
import { lookUpOwner, lookUpOwningGroup } from "./lookups.ts";
import { invalidParams } from "./request_error.ts";

type Account = string | number | undefined;

/**
 * What the options say of a path's file. A promise where the owner or the
 * group is a name.
 *
 * @throws {RequestError} -32602 through the promise for a name that is not
 * known.
 */
export function fileAccess(
  { mode, owner, group }: WireOptions,
): FileAccess | Promise<FileAccess> {
  const ofMode = mode === undefined ? {} : { mode: parseInt(mode, 8) };
  const uid = numberOf(owner);
  const gid = numberOf(group);
  if (typeof uid !== "string" && typeof gid !== "string") {
    return {
      ...ofMode,
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    };
  }
  return named(uid, gid).then((owners) => ({ ...ofMode, ...owners }));
}

/** A name of nothing but digits is a number. */
function numberOf(account: Account): Account {
  return typeof account === "string" && /^\d+$/.test(account)
    ? Number(account)
    : account;
}

async function named(owner: Account, group: Account): Promise<FileAccess> {
  const [uid, gid] = await Promise.all([
    typeof owner === "string" ? user(owner) : owner,
    typeof group === "string" ? members(group) : group,
  ]);
  return {
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
}

async function user(name: string): Promise<number> {
  const uid = await lookUpOwner(name);
  if (uid === undefined) throw invalidParams(`owner: there is no user ${name}`);
  return uid;
}

async function members(name: string): Promise<number> {
  const gid = await lookUpOwningGroup(name);
  if (gid === undefined) {
    throw invalidParams(`group: there is no group ${name}`);
  }
  return gid;
}
