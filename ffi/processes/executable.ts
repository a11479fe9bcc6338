/**
 * Where the next version of this program lies: what a re-exec executes.
 *
 * @module
 */
import { OsError } from "../libc/errno.ts";
import { realPath } from "../files/file.ts";
import { commandLine } from "./process.ts";
import { candidates } from "./search_path.ts";

// /proc/self/exe follows the binary when it is renamed, and reads `<path>
// (deleted)` once it is gone, while the next version lies at the old path.
const startedFrom = Deno.execPath().replace(/ \(deleted\)$/, "");

let found: string | undefined;

/**
 * The path to execute for a newer version of this program. Run by `deno` that
 * is the path of deno's binary when it was started, without symbolic links. A
 * binary of our own, made by `deno compile`, is executed by the path that
 * started it: a link to `multibinder-1.2` that leads to `multibinder-1.3` by
 * then is an upgrade.
 *
 * A link is recognised while it leads to the running binary, at the first
 * call. Whoever wants to follow it later makes that call early.
 */
export function executable(): string {
  return found ??= pathOfStart() ?? startedFrom;
}

function pathOfStart(): string | undefined {
  try {
    const [name = "", ...args] = commandLine();
    // Deno, and its options and script, would stand before our arguments.
    if (args.length !== Deno.args.length) return undefined;
    return pathThatStarted(startedFrom, name);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    // Without /proc: the binary itself is right until a link is moved.
    return undefined;
  }
}

/**
 * The absolute path by which argv[0] names a binary; `undefined` where it names
 * something else.
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
