/**
 * Finds the executable that a re-exec starts.
 *
 * @module
 */
import { readLink, realPath } from "../files/file.ts";
import { OsError } from "../libc/errno.ts";
import { executedPath } from "../libc/initial_process.ts";
import { commandLine } from "./process.ts";
import { candidates } from "./search_path.ts";

let found: string | undefined;

/**
 * The path to execute for a newer version of this program. Under `deno` it is
 * the path of deno's binary, without symbolic links. For a binary made
 * by `deno compile` it is the path that started it, so changing a symbolic link
 * from `multibinder-1.2` to `multibinder-1.3` is an upgrade.
 *
 * A link is recognised only if it leads to the running binary at the first
 * call, and a binary that is renamed later is found at its new name. So make
 * the first call early.
 *
 * @throws {OsError} if the path is not known.
 */
export function executable(): string {
  if (found !== undefined) return found;
  const binary = runningBinary();
  return found = pathOfStart(binary) ?? binary;
}

/** Deno.execPath() ends the process if /proc is not mounted. */
function runningBinary(): string {
  try {
    // The text after the path of a binary that has been removed.
    return readLink("/proc/self/exe").replace(/ \(deleted\)$/, "");
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    const path = executedPath();
    if (path === undefined) throw error;
    return realPath(path);
  }
}

function pathOfStart(binary: string): string | undefined {
  try {
    const [name = "", ...args] = commandLine();
    // The command line also has Deno, its options and the script.
    if (args.length !== Deno.args.length) return undefined;
    return pathThatStarted(binary, name);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    // Without a command line the link is unknown, so use the binary itself.
    return undefined;
  }
}

/**
 * The absolute path that argv[0] names; `undefined` if it is not the running
 * binary.
 */
export function pathThatStarted(
  binary: string,
  name: string,
): string | undefined {
  const path = candidates(name).find((each) => leadsTo(each, binary));
  if (path === undefined || path.startsWith("/")) return path;
  return `${realPath(".")}/${path}`;
}

function leadsTo(path: string, binary: string): boolean {
  try {
    return realPath(path) === binary;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return false;
  }
}
