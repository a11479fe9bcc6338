/**
 * Process groups, by the PID of the process that leads one: kill(2).
 *
 * @module
 */
import { Errno, lastErrno, OsError } from "./errno.ts";
import { libc } from "./libc.ts";

/** Sends a signal to a whole group: whether anyone is left in it. */
export function signalGroup(leader: number, signal: number): boolean {
  if (libc().kill(-leader, signal) === 0) return true;
  const errno = lastErrno();
  if (errno === Errno.ESRCH) return false;
  throw new OsError("kill", errno, `group ${leader}`);
}
