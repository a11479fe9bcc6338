import { dirname } from "@std/path/posix";

/** Changes that follow each other this closely are one change, in ms. */
const SETTLE = 100;

/** A path cannot be watched. */
export class WatchError extends Error {
  /** `WatchError`. */
  override readonly name = "WatchError";
}

interface WatchedPath {
  path: string;
  isFile: boolean;
}

function resolvePath(path: string): WatchedPath {
  try {
    const real = Deno.realPathSync(path);
    return { path: real, isFile: !Deno.statSync(real).isDirectory };
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotCapable
      ? "run again with --allow-read"
      : cause instanceof Deno.errors.NotFound
      ? "it does not exist"
      : cause;
    throw new WatchError(`--watch ${path}: ${reason}`, { cause });
  }
}

function covers({ path, isFile }: WatchedPath, changed: string): boolean {
  return changed === path || (!isFile && changed.startsWith(`${path}/`));
}

/** @throws {WatchError} also where a limit of inotify(7) is reached. */
function startWatcher(paths: string[], recursive: boolean): Deno.FsWatcher {
  try {
    return Deno.watchFs(paths, { recursive });
  } catch (cause) {
    throw new WatchError(`--watch ${paths.join(" ")}: ${cause}`, { cause });
  }
}

/**
 * Calls `onChange` after each burst of changes to one of the paths: a file, or a
 * directory with everything below it. Files are watched through their
 * directories, because many editors replace a file instead of writing it.
 *
 * @param onFailure hears why some of the paths are not watched any more
 * @throws {WatchError} for a path that does not exist or may not be read.
 */
export function watchPaths(
  paths: readonly string[],
  onChange: (path: string) => void,
  onFailure: (error: unknown) => void,
): Disposable {
  const watched = paths.map(resolvePath);
  const files = watched.filter(({ isFile }) => isFile);
  const directories = watched.filter(({ isFile }) => !isFile);
  const watchers: Deno.FsWatcher[] = [];
  if (files.length > 0) {
    const parents = new Set(files.map(({ path }) => dirname(path)));
    watchers.push(startWatcher([...parents], false));
  }
  if (directories.length > 0) {
    watchers.push(startWatcher(directories.map(({ path }) => path), true));
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const follow = async (watcher: Deno.FsWatcher) => {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      const path = paths.find((path) =>
        watched.some((each) => covers(each, path))
      );
      if (path === undefined) continue;
      clearTimeout(timer);
      timer = setTimeout(() => onChange(path), SETTLE);
    }
  };
  for (const watcher of watchers) follow(watcher).catch(onFailure);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
