/**
 * Processes whose parent has ended: the kernel gives them to process 1, which
 * has to reap them (wait(2)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";

const layout = abi.layouts.siginfo_t;

/** A child that has ended and was not reaped, or `undefined`. */
function endedChild(): number | undefined {
  const info = new Uint8Array(layout.size);
  const options = abi.WEXITED | abi.WNOHANG | abi.WNOWAIT;
  if (libc().waitid(abi.P_ALL, 0, info, options) === -1) {
    const errno = lastErrno();
    if (errno === Errno.ECHILD || errno === Errno.EINTR) return undefined;
    throw new OsError("waitid", errno);
  }
  const pid = viewOf(info).getInt32(layout.si_pid, true);
  return pid === 0 ? undefined : pid;
}

/**
 * Reaps the children that have ended, up to the first that is `awaited` by
 * somebody else: whether there was one, behind which others may wait.
 */
export function reapOrphans(awaited: (pid: number) => boolean): boolean {
  while (true) {
    const pid = endedChild();
    if (pid === undefined) return false;
    if (awaited(pid)) return true;
    const status = new Uint8Array(4);
    check(libc().waitpid(pid, status, abi.WNOHANG), "waitpid");
  }
}
