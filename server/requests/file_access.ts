import { OsError } from "../../ffi/libc/errno.ts";
import type { FileAccess } from "../../ffi/files/file.ts";
import type { WireOptions } from "../../protocol.ts";
import { lookUpOwner, lookUpOwningGroup } from "./lookups.ts";
import { bindError, invalidParams } from "./request_error.ts";

type Account = string | number | undefined;

/**
 * Mode, owner and group of a socket file; `undefined` if the owner or the group
 * is a name that has to be looked up.
 */
export function numericAccess(
  { mode, owner, group }: WireOptions,
): FileAccess | undefined {
  const uid = numberOf(owner);
  const gid = numberOf(group);
  if (typeof uid === "string" || typeof gid === "string") return undefined;
  return accessOf(mode, uid, gid);
}

/**
 * Like {@linkcode numericAccess}, but looks up names.
 *
 * @throws {RequestError} -32602 if a name does not exist.
 */
export async function lookUpAccess(
  { mode, owner, group }: WireOptions,
): Promise<FileAccess> {
  const user = numberOf(owner);
  const uid = typeof user === "string" ? await userNumber(user) : user;
  const ofGroup = numberOf(group);
  const gid = typeof ofGroup === "string"
    ? await groupNumber(ofGroup)
    : ofGroup;
  return accessOf(mode, uid, gid);
}

function accessOf(
  mode: string | undefined,
  uid: number | undefined,
  gid: number | undefined,
): FileAccess {
  return {
    ...(mode !== undefined && { mode: parseInt(mode, 8) }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  };
}

/** A name that has only digits is a number. */
function numberOf(account: Account): Account {
  return typeof account === "string" && /^\d+$/.test(account)
    ? Number(account)
    : account;
}

async function userNumber(name: string): Promise<number> {
  const uid = await orBindError(lookUpOwner(name));
  if (uid === undefined) {
    throw invalidParams(`owner: user ${name} does not exist`);
  }
  return uid;
}

async function groupNumber(name: string): Promise<number> {
  const gid = await orBindError(lookUpOwningGroup(name));
  if (gid === undefined) {
    throw invalidParams(`group: group ${name} does not exist`);
  }
  return gid;
}

async function orBindError<T>(lookUp: Promise<T>): Promise<T> {
  try {
    return await lookUp;
  } catch (error) {
    if (error instanceof OsError) throw bindError(error);
    throw error;
  }
}
