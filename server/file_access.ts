import { OsError } from "../ffi/errno.ts";
import type { FileAccess } from "../ffi/file.ts";
import type { WireOptions } from "../protocol.ts";
import { lookUpOwner, lookUpOwningGroup } from "./lookups.ts";
import { bindError, invalidParams } from "./request_error.ts";

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
  const uid = typeof owner === "string" ? await userNumber(owner) : owner;
  const gid = typeof group === "string" ? await groupNumber(group) : group;
  return {
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
}

async function userNumber(name: string): Promise<number> {
  const uid = await answered(lookUpOwner(name));
  if (uid === undefined) throw invalidParams(`owner: there is no user ${name}`);
  return uid;
}

async function groupNumber(name: string): Promise<number> {
  const gid = await answered(lookUpOwningGroup(name));
  if (gid === undefined) {
    throw invalidParams(`group: there is no group ${name}`);
  }
  return gid;
}

/** Where nobody can tell, the request fails with why. */
async function answered<T>(lookup: Promise<T>): Promise<T> {
  try {
    return await lookup;
  } catch (error) {
    if (error instanceof OsError) throw bindError(error);
    throw error;
  }
}
