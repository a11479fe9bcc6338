import { namesIn, readLink } from "../../ffi/files/file.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { runningProcesses } from "../../ffi/processes/process_group.ts";

/**
 * Whether a process has one of these descriptors, such as `socket:[123]`
 * (proc_pid_fd(5)). `denied` if this process may not see them.
 */
export function holdsOneOf(
  pid: number,
  links: readonly string[],
): "yes" | "no" | "denied" {
  const directory = `/proc/${pid}/fd`;
  try {
    const isHeld = namesIn(directory).some((name) => {
      const link = linkUnlessClosed(`${directory}/${name}`);
      return link !== undefined && links.includes(link);
    });
    return isHeld ? "yes" : "no";
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    // Another error means that the process has ended.
    return error.errno === Errno.EACCES || error.errno === Errno.EPERM
      ? "denied"
      : "no";
  }
}

function linkUnlessClosed(path: string): string | undefined {
  try {
    return readLink(path);
  } catch (error) {
    if (error instanceof OsError && error.errno === Errno.ENOENT) {
      return undefined;
    }
    throw error;
  }
}

/** A process, its descendants, and the members of its process group. */
export function processTree(leader: number): number[] {
  const all = runningProcesses();
  const tree = new Set<number>([leader]);
  for (const { pid, group } of all) if (group === leader) tree.add(pid);
  for (let size = 0; size !== tree.size;) {
    size = tree.size;
    for (const { pid, parent } of all) if (tree.has(parent)) tree.add(pid);
  }
  return [...tree];
}
