import type { UserAccount } from "../ffi/processes/accounts.ts";
import { checkExecutable, isExecutable } from "../ffi/files/file.ts";
import { withRightsOf } from "../ffi/files/file_rights.ts";
import { Errno, OsError } from "../ffi/libc/errno.ts";
import type { Execution } from "./child.ts";

/** The user that a program runs as. */
export interface ServiceUser extends UserAccount {
  /** Its primary group there. */
  gid: number;
  /** All its groups there. */
  groups: readonly number[];
}

/** Of util-linux. It is not looked up in PATH, since it runs as root. */
const SETPRIV = ["/usr/bin/setpriv", "/bin/setpriv"];

/** The path of setpriv(1), if it is installed. */
export function findSetpriv(): string | undefined {
  return SETPRIV.find(isExecutable);
}

/**
 * Starts a program as a user: with its groups, and without capabilities, which the
 * exec does not bring back. setpriv(1) changes its own process, so this one keeps its
 * rights.
 */
export function asUser(
  user: ServiceUser | undefined,
  { path, argv }: Execution,
): Execution {
  if (user === undefined) return { path, argv };
  const setpriv = findSetpriv() ?? SETPRIV[0]!;
  const [, ...args] = argv;
  return {
    path: setpriv,
    argv: [
      setpriv,
      `--reuid=${user.uid}`,
      `--regid=${user.gid}`,
      user.groups.length === 0
        ? "--clear-groups"
        : `--groups=${user.groups.join(",")}`,
      "--inh-caps=-all",
      "--",
      path,
      ...args,
    ],
  };
}

/**
 * Passes when a program may be executed by a user, which root may know nothing about:
 * a Deno in the home directory of root, for example, may not.
 *
 * @throws {OsError} EACCES
 */
export function checkExecutableBy(
  user: ServiceUser | undefined,
  path: string,
): void {
  checkExecutable(path);
  if (user === undefined) return;
  try {
    withRightsOf(user, () => checkExecutable(path));
  } catch (error) {
    // Other errors are those of setpriv(1) then.
    const isDenied = error instanceof OsError && error.errno === Errno.EACCES;
    if (!isDenied) return;
    const name = user.name ?? user.uid;
    throw new OsError("access", Errno.EACCES, `${path} as user ${name}`);
  }
}

/** The variables that systemd's User= sets (systemd.exec(5)). */
export function userVariables(
  user: ServiceUser | undefined,
): Record<string, string> {
  if (user === undefined) return {};
  const name = user.name ?? String(user.uid);
  return {
    HOME: user.home ?? "/",
    USER: name,
    LOGNAME: name,
    SHELL: user.shell ?? "/bin/sh",
  };
}
