import { type ResolvedPath, resolveNames } from "./path_names.ts";

/** Changes that follow each other this closely are one change, in ms. */
const SETTLE = 100;

/** How often a path may be replaced while its watchers are made. */
const MOST_ATTEMPTS = 100;

/** A path cannot be watched. */
export class WatchError extends Error {
  /** `WatchError`. */
  override readonly name = "WatchError";
}

interface Watched {
  /** The path as it was given. */
  readonly path: string;
  resolved: ResolvedPath;
  /** What has changed, if that was not reported yet. */
  change: string | undefined;
}

/** @throws {WatchError} also where a limit of inotify(7) is reached. */
function startWatcher(paths: string[], recursive: boolean): Deno.FsWatcher {
  try {
    return Deno.watchFs(paths, { recursive });
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotCapable
      ? "run again with --allow-read"
      : cause;
    throw new WatchError(`--watch ${paths.join(" ")}: ${reason}`, { cause });
  }
}

/** Like {@linkcode startWatcher}; `undefined` if a path does not exist any more. */
function startWatcherIfThere(
  paths: string[],
  recursive: boolean,
): Deno.FsWatcher | undefined {
  try {
    return startWatcher(paths, recursive);
  } catch (error) {
    const { cause } = error as WatchError;
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function mayRead(path: string): boolean {
  return Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/**
 * The directories to watch for the names of a path. Directories above the target
 * are left out if the permission to read them is missing.
 */
function directoriesOf({ names, target }: ResolvedPath): string[] {
  const needed = target?.isDirectory ? undefined : names.at(-1);
  return names.filter((name) => name === needed || mayRead(name.directory))
    .map(({ directory }) => directory);
}

/** Whether two paths lead over the same names. */
function sameNames(one: ResolvedPath, other: ResolvedPath): boolean {
  const text = ({ names, target }: ResolvedPath) =>
    JSON.stringify([names, target]);
  return text(one) === text(other);
}

function covers({ target }: ResolvedPath, changed: string): boolean {
  if (target === undefined) return false;
  return changed === target.path ||
    (target.isDirectory && changed.startsWith(`${target.path}/`));
}

/** The watchers of some paths, made anew when a path leads elsewhere. */
class PathWatch implements Disposable {
  readonly #watched: readonly Watched[];
  readonly #onChange: (path: string) => void;
  #watchers: Deno.FsWatcher[] = [];
  #isDisposed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    paths: readonly string[],
    onChange: (path: string) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#onChange = onChange;
    this.#watched = paths.map((path) => {
      const resolved = resolveNames(path);
      if (resolved.target === undefined) {
        throw new WatchError(`--watch ${path}: it does not exist`);
      }
      return { path, resolved, change: undefined };
    });
    if (paths.length === 0) return;
    this.#start();
    this.#run().catch(onFailure);
  }

  #start(): void {
    const names = this.#startNames();
    const targets = this.#watched.map(({ resolved }) => resolved.target)
      .filter((target) => target?.isDirectory)
      // A target that is gone was replaced: the watcher of its name reports it.
      .map((target) => startWatcherIfThere([target!.path], true))
      .filter((watcher) => watcher !== undefined);
    this.#watchers = [names, ...targets];
  }

  /**
   * Follows the watchers, and replaces them when a path leads elsewhere. All old
   * ones end first: Deno may share one inotify(7) instance, where the late end of
   * an old watcher would also end the watch of a new one on the same path.
   */
  async #run(): Promise<void> {
    while (true) {
      await Promise.all(this.#watchers.map((each) => this.#follow(each)));
      if (this.#isDisposed) return;
      this.#start();
    }
  }

  #close(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  /**
   * Watches the directories of all names. Resolves the paths before and after:
   * a later change is an event.
   */
  #startNames(): Deno.FsWatcher {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      for (const each of this.#watched) each.resolved = resolveNames(each.path);
      const directories = this.#watched.flatMap(({ resolved }) =>
        directoriesOf(resolved)
      );
      const watcher = startWatcherIfThere([...new Set(directories)], false);
      const isCurrent = this.#watched.every(({ path, resolved }) =>
        sameNames(resolved, resolveNames(path))
      );
      if (watcher !== undefined && isCurrent) return watcher;
      watcher?.close();
    }
    const paths = this.#watched.map(({ path }) => path).join(" ");
    throw new WatchError(`--watch ${paths}: replaced again and again`);
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      let isReplaced = false;
      for (const path of paths) {
        for (const each of this.#watched) {
          const isName = kind !== "modify" &&
            each.resolved.names.some((name) => name.path === path);
          if (isName) isReplaced = true;
          if (isName && !covers(each.resolved, path)) each.change = each.path;
          else if (covers(each.resolved, path)) each.change = path;
          else continue;
          this.#settle();
        }
      }
      // This ends the loop.
      if (isReplaced) this.#close();
    }
  }

  /** Reports once no change has followed for a while. */
  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#report(), SETTLE);
  }

  /** Reports the changes. A path that does not exist is reported once it does. */
  #report(): void {
    const changed = this.#watched.filter(({ path, change }) =>
      change !== undefined && resolveNames(path).target !== undefined
    );
    const [change] = changed.map(({ change }) => change!);
    for (const each of changed) each.change = undefined;
    if (change !== undefined) this.#onChange(change);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#close();
  }
}

/**
 * Calls `onChange` after each burst of changes to one of the paths: a file, or a
 * directory with everything below it. What is at a path may be removed, made
 * anew or replaced, and so may every directory and symbolic link that leads to
 * it: each name is watched through its directory.
 *
 * @param onFailure hears why the paths are not watched any more
 * @throws {WatchError} for a path that does not exist or may not be read.
 */
export function watchPaths(
  paths: readonly string[],
  onChange: (path: string) => void,
  onFailure: (error: unknown) => void,
): Disposable {
  return new PathWatch(paths, onChange, onFailure);
}
