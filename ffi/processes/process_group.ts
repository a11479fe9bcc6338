/**
 * Process groups, identified by the PID of their current or former leader, and the
 * processes of this machine (proc_pid_stat(5)).
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
  return runningProcesses().some(({ group }) => group === leader);
}

/** Of the kernel's sched.h: forked, and no exec since. */
const PF_FORKNOEXEC = 0x40;

/** A process. */
export interface ProcessStatus {
  pid: number;
  /** The first 15 characters of the name of its program. */
  name: string;
  /** Whether it has not ended. A zombie has. */
  isRunning: boolean;
  /** The PID of its parent. */
  parent: number;
  /** The PID of the leader of its process group. */
  group: number;
  /** Whether it has executed its program itself, and is no fork of a parent. */
  hasExecuted: boolean;
  /** When it was started, in clock ticks since the boot. */
  started: number;
}

/** The processes that have not ended. */
export function runningProcesses(): ProcessStatus[] {
  return namesIn("/proc").filter((name) => /^\d+$/.test(name))
    .map((pid) => processStatus(Number(pid)))
    .filter((status) => status !== undefined)
    .filter(({ isRunning }) => isRunning);
}

/** The status of a process; `undefined` if it does not exist. */
export function processStatus(pid: number): ProcessStatus | undefined {
  let text: string;
  try {
    text = decoder.decode(readFile(`/proc/${pid}/stat`));
  } catch (error) {
    if (error instanceof OsError) return undefined;
    throw error;
  }
  // The name in parentheses may contain any character.
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  return {
    pid,
    name: text.slice(text.indexOf("(") + 1, end),
    isRunning: fields[0] !== "Z" && fields[0] !== "X",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    hasExecuted: (Number(fields[6]) & PF_FORKNOEXEC) === 0,
    started: Number(fields[19]),
  };
}
