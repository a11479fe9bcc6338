import { dirname } from "@std/path/posix";

/** Events that follow each other this closely are one change, in ms. */
const SETTLE = 100;

/** A path cannot be watched. */
export class WatchError extends Error {
  /** `WatchError`. */
  override readonly name = "WatchError";
}

interface Watched {
  path: string;
  isFile: boolean;
}

function watched(path: string): Watched {
  try {
    const real = Deno.realPathSync(path);
    return { path: real, isFile: !Deno.statSync(real).isDirectory };
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotCapable
      ? "run again with --allow-read"
      : cause instanceof Deno.errors.NotFound
      ? "it is not there"
      : cause;
    throw new WatchError(`--watch ${path}: ${reason}`, { cause });
  }
}

function concerns({ path, isFile }: Watched, changed: string): boolean {
  return changed === path || (!isFile && changed.startsWith(`${path}/`));
}

/** Watches the paths; the limits of inotify(7) are errors that say so. */
function watcherOf(paths: string[], recursive: boolean): Deno.FsWatcher {
  try {
    return Deno.watchFs(paths, { recursive });
  } catch (cause) {
    throw new WatchError(`--watch ${paths.join(" ")}: ${cause}`, { cause });
  }
}

/**
 * Calls `changed` after each burst of changes to one of the paths, a file or
 * a directory with all it holds. A file is watched by way of its directory:
 * editors put a new one in its place. `failed` hears why something is not
 * watched any more.
 *
 * @throws {WatchError} for a path that is not there or may not be read.
 */
export function watchPaths(
  paths: readonly string[],
  changed: (path: string) => void,
  failed: (error: unknown) => void,
): Disposable {
  const all = paths.map(watched);
  const files = all.filter((each) => each.isFile);
  const directories = all.filter((each) => !each.isFile);
  const watchers: Deno.FsWatcher[] = [];
  if (files.length > 0) {
    const parents = new Set(files.map(({ path }) => dirname(path)));
    watchers.push(watcherOf([...parents], false));
  }
  if (directories.length > 0) {
    watchers.push(watcherOf(directories.map(({ path }) => path), true));
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const follow = async (watcher: Deno.FsWatcher) => {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      const path = paths.find((path) =>
        all.some((each) => concerns(each, path))
      );
      if (path === undefined) continue;
      clearTimeout(timer);
      timer = setTimeout(() => changed(path), SETTLE);
    }
  };
  for (const watcher of watchers) follow(watcher).catch(failed);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
