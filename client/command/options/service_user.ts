import {
  groupId,
  groupsOf,
  userAccount,
} from "../../../ffi/processes/accounts.ts";
import { userId } from "../../../ffi/processes/process.ts";
import {
  findSetpriv,
  type ServiceUser,
} from "../../../supervisor/service_user.ts";
import { UsageError } from "../../../given_options.ts";

/**
 * The value of `--user`: `USER` or `USER:GROUP`, names or numbers.
 *
 * @throws {UsageError}
 */
export function readServiceUser(
  text: string | undefined,
): ServiceUser | undefined {
  if (text === undefined) return undefined;
  const [user = "", group, ...more] = text.split(":");
  if (user === "" || group === "" || more.length > 0) {
    throw new UsageError(`invalid --user ${text}: expected USER or USER:GROUP`);
  }
  const account = userAccount(user);
  if (account === undefined) {
    throw new UsageError(`--user ${text}: the user ${user} does not exist`);
  }
  const gid = group === undefined ? account.group : groupId(group);
  if (gid === undefined) {
    throw new UsageError(
      group === undefined
        ? `--user ${text}: user ${user} has no group: write ${user}:GROUP`
        : `--user ${text}: the group ${group} does not exist`,
    );
  }
  if (userId() !== 0) {
    throw new UsageError(
      "--user needs root: only root can become another user",
    );
  }
  if (findSetpriv() === undefined) {
    throw new UsageError("--user needs setpriv(1) of util-linux in /usr/bin");
  }
  const { name } = account;
  const groups = name === undefined ? [] : groupsOf(name, gid);
  return { ...account, gid, groups };
}
