/**
 * Process groups, by the PID of the process that leads or has led one.
 *
 * @module
 */
import { Errno, lastErrno, OsError } from "../libc/errno.ts";
import { namesIn, readFile } from "../files/file.ts";
import { libc } from "../libc/libc.ts";

/** Sends a signal to a whole group (kill(2)): whether anyone is in it. */
export function signalGroup(leader: number, signal: number): boolean {
  if (libc().kill(-leader, signal) === 0) return true;
  const errno = lastErrno();
  if (errno === Errno.ESRCH) return false;
  throw new OsError("kill", errno, `group ${leader}`);
}

const decoder = new TextDecoder();

/**
 * Whether anyone in a group still runs. To kill(2) those who have ended and
 * whose parent takes no notice of it are members as well.
 */
export function groupRuns(leader: number): boolean {
  if (!signalGroup(leader, 0)) return false;
  return namesIn("/proc").filter((name) => /^\d+$/.test(name))
    .some((pid) => runsIn(leader, pid));
}

/** Reads state and group from proc_pid_stat(5); the name may hold anything. */
function runsIn(leader: number, pid: string): boolean {
  try {
    const text = decoder.decode(readFile(`/proc/${pid}/stat`));
    const [state, _parent, group] = text.slice(text.lastIndexOf(")") + 2)
      .split(" ");
    return Number(group) === leader && state !== "Z" && state !== "X";
  } catch (error) {
    // Gone since the directory was read.
    if (error instanceof OsError) return false;
    throw error;
  }
}
