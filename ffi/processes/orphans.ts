/**
 * Reaps orphaned processes: the kernel makes them children of process 1, or of
 * an ancestor that adopts them, which must reap them (wait(2)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { check, Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";

/**
 * Makes this process the parent of its descendants whose own parents end, as
 * process 1 is that of all others (prctl(2)). It then has to reap them.
 */
export function adoptOrphans(): void {
  check(
    libc().prctl(abi.PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n),
    "prctl",
    "PR_SET_CHILD_SUBREAPER",
  );
}

const layout = abi.layouts.siginfo_t;

/** The PID of a child that has ended and is not reaped. */
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
 * Reaps ended children, up to the first that other code waits for (`awaited`).
 * Returns true if it stopped at such a child: more ended children may follow.
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
