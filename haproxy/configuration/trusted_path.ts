/**
 * Resolves paths without following links that another user can have made. This is
 * the rule of `fs.protected_symlinks` (proc_sys_fs(5)), which may be switched off:
 * in a directory that every user may write, such as /tmp, only links of root, of
 * this user and of the directory's owner count.
 *
 * @module
 */
import { userId } from "../../ffi/processes/process.ts";
import { dirname, join, resolve } from "@std/path/posix";

/** Write permission for others. */
const SHARED = 0o002;

/** As the kernel: path_resolution(7). */
const MAX_LINKS = 40;

/** An entry of a shared directory belongs to another user. */
export class UntrustedPathError extends Error {
  /** `UntrustedPathError`. */
  override readonly name = "UntrustedPathError";
}

/** Which entries of other users are refused. */
export type Refused = "links" | "everything";

/** The path without links. The last part need not exist. */
export function trustedPath(path: string, refused: Refused = "links"): string {
  const rest = resolve(path).split("/").filter((name) => name !== "");
  let at = "/";
  for (let links = 0; rest.length > 0;) {
    const name = rest.shift()!;
    if (name === "..") at = dirname(at);
    if (name === ".." || name === "." || name === "") continue;
    const next = join(at, name);
    const entry = statusOf(next);
    if (entry === undefined) return join(next, ...rest);
    if (refused === "everything" || entry.isSymlink) {
      checkOwner(at, next, entry);
    }
    if (!entry.isSymlink) {
      at = next;
      continue;
    }
    if (++links > MAX_LINKS) throw new UntrustedPathError("too many links");
    const target = Deno.readLinkSync(next);
    if (target.startsWith("/")) at = "/";
    rest.unshift(...target.split("/"));
  }
  return at;
}

/**
 * The path of a file in a directory without links. A link at its end is not
 * followed.
 *
 * @throws {UntrustedPathError} if another user can have made an entry of the path.
 */
export function trustedEntry(path: string): string {
  const absolute = resolve(path);
  const directory = trustedPath(dirname(absolute), "everything");
  const entry = join(directory, absolute.slice(absolute.lastIndexOf("/") + 1));
  const found = statusOf(entry);
  if (found === undefined) return entry;
  checkOwner(directory, entry, found);
  if (found.isSymlink && !isTrusted(found.uid)) {
    throw new UntrustedPathError(`it is a link of user ${found.uid}`);
  }
  return entry;
}

function statusOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function checkOwner(
  directory: string,
  path: string,
  { uid, isSymlink }: Deno.FileInfo,
): void {
  const { mode, uid: owner } = Deno.lstatSync(directory);
  if (((mode ?? 0) & SHARED) === 0) return;
  if (uid === owner || isTrusted(uid)) return;
  throw new UntrustedPathError(
    `${path} is a ${
      isSymlink ? "link" : "file"
    } of user ${uid} in ${directory}, which every user may write`,
  );
}

function isTrusted(uid: number | null): boolean {
  return uid === 0 || uid === userId();
}
