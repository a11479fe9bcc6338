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

/** How many announcements are kept, and how often a search receives more. */
const MOST_ANNOUNCED = 32;

/**
 * The processes that a program has announced by MAINPID=. A successor may announce
 * its own successor before it ends, or even before it is announced itself.
 */
export class AnnouncedProcesses {
  /** The newest last. */
  #pids: readonly number[] = [];

  add(pid: number): void {
    const others = this.#pids.filter((each) => each !== pid);
    this.#pids = [...others, pid].slice(-MOST_ANNOUNCED);
  }

  /**
   * The process that goes on in the place of one that has ended: the newest that
   * was announced and runs, or the child of this process that will leave that one
   * behind.
   *
   * @param receive receives announcements that have arrived
   */
  next(receive: () => void): number | undefined {
    receive();
    for (let turn = 0; turn < MOST_ANNOUNCED; turn++) {
      const announced = this.#pids;
      const found = announced.map((pid) => ({
        pid,
        orphan: adoptedAncestor(pid),
      }));
      const next = found.findLast(({ orphan }) => orphan !== undefined)?.orphan;
      if (next !== undefined) {
        this.#pids = found
          .filter(({ pid, orphan }) => pid !== next && orphan === next)
          .map(({ pid }) => pid);
        return next;
      }
      // A process may have announced another one just before its end.
      receive();
      if (this.#pids === announced) return undefined;
    }
    return undefined;
  }
}

/**
 * The process that goes on in the place of one that has ended with exit code 0 and
 * has announced none: the newest orphan that has executed the same program anew and
 * holds one of the sockets, such as the new master of nginx after USR2 and QUIT.
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
): number | undefined {
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

/** How many ancestors of a process are looked at. */
const MOST_ANCESTORS = 64;

/** The orphan that is, or has started, a process, if this process has adopted it. */
function adoptedAncestor(pid: number): number | undefined {
  let process = processStatus(pid);
  for (let step = 0; step < MOST_ANCESTORS && process?.isRunning; step++) {
    if (isAdopted(process)) return process.pid;
    const parent = processStatus(process.parent);
    // A process whose parent has just ended has another parent now.
    process = parent?.isRunning ? parent : processStatus(process.pid);
  }
  return undefined;
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
