import { basename, dirname, join } from "@std/path/posix";

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

/** The path of the file itself if `path` is a symbolic link. */
function withoutLinks(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
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
    this.path = writeBeside(withoutLinks(beside), text, attributes);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

/** Replaces a file in one step (rename(2)): no reader sees a part of `text`. */
export function replaceFile(
  path: string,
  text: string,
  attributes: FileAttributes,
): void {
  const target = withoutLinks(path);
  const written = writeBeside(target, text, attributes);
  try {
    Deno.renameSync(written, target);
  } catch (error) {
    Deno.removeSync(written);
    throw error;
  }
}
