import {
  groupId,
  groupsOf,
  primaryGroup,
  userId,
  userName,
} from "../../ffi/processes/accounts.ts";
import { processId } from "../../ffi/processes/process.ts";
import type { Client } from "../policy/authorization.ts";
import { UsageError } from "../../given_options.ts";
import type { Trial } from "./options.ts";

/**
 * The user of `--as` as the daemon would see its processes: with the groups that
 * the account has after a login.
 *
 * @throws {UsageError} for a user or a group that does not exist.
 */
export function clientOf({ user, group }: Pick<Trial, "user" | "group">): {
  client: Client;
  description: string;
} {
  const uid = userId(user);
  if (uid === undefined) {
    throw new UsageError(`--as: user ${user} does not exist`);
  }
  const gid = groupOf(uid, group);
  const name = userName(uid);
  const groups = name === undefined ? [gid] : groupsOf(name, gid);
  const ids = `uid ${uid}, gid ${gid}, groups ${groups.join(" ")}`;
  return {
    client: { peer: { pid: processId(), uid, gid }, groups },
    description: name === undefined ? ids : `${name} (${ids})`,
  };
}

function groupOf(uid: number, group: string | undefined): number {
  const gid = group === undefined ? primaryGroup(uid) : groupId(group);
  if (gid !== undefined) return gid;
  throw new UsageError(
    group === undefined
      ? `--as: uid ${uid} has no account that names its group: write --as ${uid}:GROUP`
      : `--as: group ${group} does not exist`,
  );
}
