import { basename, dirname, join } from "@std/path/posix";

/** What a file looks like from outside. */
export interface FileLook {
  /** Its permissions. */
  mode: number;
  /** Who it belongs to. Default: us. */
  owner?: { uid: number; gid: number };
}

/** The look of a file that is there. */
export function lookOf(path: string): FileLook {
  const { mode, uid, gid } = Deno.statSync(path);
  return {
    mode: (mode ?? 0o644) & 0o7777,
    ...(uid !== null && gid !== null && { owner: { uid, gid } }),
  };
}

/** The file itself, if the path is a symbolic link to one. */
function behindLinks(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

/** Only root may give a file away; who is not root keeps it. */
function giveTo(
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
 * Writes a file beside the one of that path, hidden, so that a directory given
 * to HAProxy does not have one more configuration in it. Readable by nobody
 * else until it has its look.
 */
function writeBeside(path: string, text: string, look: FileLook): string {
  const name = `.${basename(path)}.${crypto.randomUUID()}`;
  const beside = join(dirname(path), name);
  Deno.writeTextFileSync(beside, text, { createNew: true, mode: 0o600 });
  try {
    if (look.owner !== undefined) giveTo(beside, look.owner);
    Deno.chmodSync(beside, look.mode);
    return beside;
  } catch (error) {
    Deno.removeSync(beside);
    throw error;
  }
}

/** A file beside another, removed in the end. */
export class TemporaryFile implements Disposable {
  readonly path: string;

  constructor(beside: string, text: string, look: FileLook) {
    this.path = writeBeside(behindLinks(beside), text, look);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path);
  }
}

/**
 * Puts `text` in the place of what is at the path, in one step (rename(2)):
 * nobody sees half of it.
 */
export function replaceFile(path: string, text: string, look: FileLook): void {
  const target = behindLinks(path);
  const written = writeBeside(target, text, look);
  try {
    Deno.renameSync(written, target);
  } catch (error) {
    Deno.removeSync(written);
    throw error;
  }
}
