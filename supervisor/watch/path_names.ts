import { dirname } from "@std/path/posix";
import { readLink, realPath, statusOf } from "../../ffi/files/file.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { OsError } from "../../ffi/libc/errno.ts";

/** A name in a directory, which leads to a watched path. */
export interface PathName {
  /** The directory, without symbolic links in its path. */
  directory: string;
  /** The path of the name itself. */
  path: string;
  /** Whether the name is a directory or a symbolic link. */
  leadsOn: boolean;
}

/** How a path is resolved at the moment (path_resolution(7)). */
export interface ResolvedPath {
  /**
   * Every name on the way, symbolic links and the names in their targets
   * included: when one of them is replaced, the path leads elsewhere.
   */
  names: PathName[];
  /** Where it leads; `undefined` while a name is missing. */
  target: { path: string; isDirectory: boolean } | undefined;
}

/** The kernel's limit of symbolic links in a path. */
const MOST_LINKS = 40;

/** The kind of a name; `undefined` if it does not exist or cannot be seen. */
function kindOf(path: string): number | undefined {
  try {
    const status = statusOf(path);
    return status && status.mode & abi.S_IFMT;
  } catch (error) {
    if (error instanceof OsError) return undefined;
    throw error;
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readLink(link);
  } catch (error) {
    // It was replaced at this moment: the watch reports that.
    if (error instanceof OsError) return undefined;
    throw error;
  }
}

/** Resolves a path name by name. */
export function resolveNames(path: string): ResolvedPath {
  const names: PathName[] = [];
  let directory = path.startsWith("/") ? "/" : realPath(".");
  let kind: number | undefined = abi.S_IFDIR;
  let at = directory;
  let links = 0;
  const rest = path.split("/");
  while (rest.length > 0) {
    const name = rest.shift()!;
    if (name === "" || name === ".") continue;
    if (kind !== abi.S_IFDIR) return { names, target: undefined };
    directory = at;
    if (name === "..") {
      at = dirname(directory);
      continue;
    }
    at = directory === "/" ? `/${name}` : `${directory}/${name}`;
    kind = kindOf(at);
    const isLink = kind === abi.S_IFLNK;
    const leadsOn = isLink || kind === abi.S_IFDIR;
    names.push({ directory, path: at, leadsOn });
    if (!isLink) continue;
    const target = targetOf(at);
    if (target === undefined || ++links > MOST_LINKS) {
      return { names, target: undefined };
    }
    rest.unshift(...target.split("/"));
    at = target.startsWith("/") ? "/" : directory;
    kind = abi.S_IFDIR;
  }
  if (kind === undefined) return { names, target: undefined };
  return { names, target: { path: at, isDirectory: kind === abi.S_IFDIR } };
}
