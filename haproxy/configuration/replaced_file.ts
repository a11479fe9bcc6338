import { basename, dirname, join } from "@std/path/posix";
import { trustedPath } from "./trusted_path.ts";

/** The attributes that a new file gets. */
export interface FileAttributes {
  /** Its permissions. */
  mode: number;
  /** Default: the user and group of this process. */
  owner?: { uid: number; gid: number };
}

/** The attributes of an existing file. */
export function attributesOf(path: string): FileAttributes {
  const { mode, uid, gid } = Deno.statSync(path);
  return {
    mode: (mode ?? 0o644) & 0o7777,
    ...(uid !== null && gid !== null && { owner: { uid, gid } }),
  };
}

/** Changes the owner, which only root may: otherwise it stays. */
function tryToChown(
  path: string,
  { uid, gid }: { uid: number; gid: number },
): void {
  const own = Deno.statSync(path);
  if (own.uid === uid && own.gid === gid) return;
  try {
    Deno.chownSync(path, uid, gid);
  } catch (error) {
    const isRefused = error instanceof Deno.errors.PermissionDenied ||
      (error instanceof Error && "code" in error && error.code === "EPERM");
    if (!isRefused) throw error;
  }
}

/**
 * Writes a file into the directory of `path`. Its name begins with a dot, so that
 * a HAProxy which reads the whole directory skips it. Other users cannot read it
 * until it has its owner and mode.
 */
function writeBeside(
  path: string,
  text: string,
  { mode, owner }: FileAttributes,
): string {
  const name = `.${basename(path)}.${crypto.randomUUID()}`;
  const beside = join(dirname(path), name);
  Deno.writeTextFileSync(beside, text, { createNew: true, mode: 0o600 });
  try {
    if (owner !== undefined) tryToChown(beside, owner);
    Deno.chmodSync(beside, mode);
    return beside;
  } catch (error) {
    Deno.removeSync(beside);
    throw error;
  }
}

/** A file in the directory of another one, removed when it is disposed of. */
export class TemporaryFile implements Disposable {
  readonly path: string;

  constructor(beside: string, text: string, attributes: FileAttributes) {
    this.path = writeBeside(trustedPath(beside), text, attributes);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

/**
 * Replaces a file in one step (rename(2)): no reader sees a part of `text`. If the
 * path is a link, the file that it leads to is replaced.
 */
export function replaceFile(
  path: string,
  text: string,
  attributes: FileAttributes,
): void {
  replaceEntry(trustedPath(path), text, attributes);
}

/** Replaces a file in one step. If the path is a link, the link is replaced. */
export function replaceEntry(
  path: string,
  text: string,
  attributes: FileAttributes,
): void {
  const written = writeBeside(path, text, attributes);
  try {
    Deno.renameSync(written, path);
  } catch (error) {
    Deno.removeSync(written);
    throw error;
  }
}
