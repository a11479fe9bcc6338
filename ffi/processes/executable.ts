/**
 * Finds the executable that a re-exec starts.
 *
 * @module
 */
import { OsError } from "../libc/errno.ts";
import { realPath } from "../files/file.ts";
import { commandLine } from "./process.ts";
import { candidates } from "./search_path.ts";

// /proc/self/exe follows a renamed binary, and reads `<path> (deleted)` after
// it is removed, although the next version is at the old path.
const startedFrom = Deno.execPath().replace(/ \(deleted\)$/, "");

let found: string | undefined;

/**
 * The path to execute for a newer version of this program. Under `deno` it is
 * the path of deno's binary at start, without symbolic links. For a binary made
 * by `deno compile` it is the path that started it, so changing a symbolic link
 * from `multibinder-1.2` to `multibinder-1.3` is an upgrade.
 *
 * A link is recognised only if it leads to the running binary at the first
 * call, so make the first call early.
 */
export function executable(): string {
  return found ??= pathOfStart() ?? startedFrom;
}

function pathOfStart(): string | undefined {
  try {
    const [name = "", ...args] = commandLine();
    // The command line also has Deno, its options and the script.
    if (args.length !== Deno.args.length) return undefined;
    return pathThatStarted(startedFrom, name);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    // Without /proc the link is unknown, so use the binary itself.
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
