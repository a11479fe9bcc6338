import { statusOfDescriptor } from "../ffi/files/file.ts";
import { processId } from "../ffi/processes/process.ts";
import type { Ending } from "../ffi/processes/child_process.ts";
import {
  type ProcessStatus,
  processStatus,
  runningProcesses,
} from "../ffi/processes/process_group.ts";
import { type EndedProcess, isAwaited } from "./child.ts";
import { holdsOneOf } from "./probe/held_sockets.ts";

/**
 * The process that goes on in the place of one that has ended: the one that it
 * announced by MAINPID=. Without that, if it ended with exit code 0, the newest
 * orphan that has executed the same program anew and holds one of the sockets, such
 * as the new master of nginx after USR2 and QUIT.
 *
 * An orphan that only inherited a socket, such as a `sleep` of a shell, runs
 * another program, or is still a fork of the shell. So is a worker of the process
 * that has ended.
 *
 * @param sockets the sockets of the service
 */
export function findSuccessor(
  { name, ending }: EndedProcess,
  sockets: readonly number[],
  announced: number | undefined,
): number | undefined {
  if (announced !== undefined) {
    const status = processStatus(announced);
    if (status?.isRunning && isAdopted(status)) return announced;
  }
  if (!hasSucceeded(ending)) return undefined;
  const isSame = (each: ProcessStatus) =>
    each.hasExecuted && each.name === name;
  return newestHolder(sockets, isSame)?.pid;
}

/**
 * The newest process that a program with exit code 0 has left in the background
 * with one of its sockets: a daemon, which has a process group of its own.
 */
export function findBackground(
  { pid, ending }: EndedProcess,
  sockets: readonly number[],
): number | undefined {
  if (!hasSucceeded(ending)) return undefined;
  return newestHolder(sockets, ({ group }) => group !== pid)?.pid;
}

function hasSucceeded(ending: Ending): boolean {
  return "code" in ending && ending.code === 0;
}

/** The newest orphan of this kind that has one of the sockets. */
function newestHolder(
  sockets: readonly number[],
  isSuch: (process: ProcessStatus) => boolean,
): ProcessStatus | undefined {
  const links = sockets.map((fd) => `socket:[${statusOfDescriptor(fd).inode}]`);
  return runningProcesses()
    .filter((each) => isAdopted(each) && isSuch(each))
    .filter(({ pid }) => holdsOneOf(pid, links) === "yes")
    .sort((one, other) => other.started - one.started)[0];
}

/** Whether it is a child of this process that it has not started. */
function isAdopted({ pid, parent }: { pid: number; parent: number }): boolean {
  return parent === processId() && !isAwaited(pid);
}
