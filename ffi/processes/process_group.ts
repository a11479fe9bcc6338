/**
 * Process groups, identified by the PID of their current or former leader.
 *
 * @module
 */
import { Errno, lastErrno, OsError } from "../libc/errno.ts";
import { namesIn, readFile } from "../files/file.ts";
import { libc } from "../libc/libc.ts";

/**
 * Sends a signal to a process group (kill(2)); returns whether it has members.
 */
export function signalGroup(leader: number, signal: number): boolean {
  if (libc().kill(-leader, signal) === 0) return true;
  const errno = lastErrno();
  if (errno === Errno.ESRCH) return false;
  throw new OsError("kill", errno, `group ${leader}`);
}

const decoder = new TextDecoder();

/**
 * Whether a process group has a running member. kill(2) also counts zombies as
 * members.
 */
export function groupRuns(leader: number): boolean {
  if (!signalGroup(leader, 0)) return false;
  return namesIn("/proc").filter((name) => /^\d+$/.test(name))
    .some((pid) => runsIn(leader, pid));
}

/**
 * Reads state and group from proc_pid_stat(5); the name may contain any
 * character.
 */
function runsIn(leader: number, pid: string): boolean {
  try {
    const text = decoder.decode(readFile(`/proc/${pid}/stat`));
    const [state, _parent, group] = text.slice(text.lastIndexOf(")") + 2)
      .split(" ");
    return Number(group) === leader && state !== "Z" && state !== "X";
  } catch (error) {
    // The process has ended since the directory was read.
    if (error instanceof OsError) return false;
    throw error;
  }
}
