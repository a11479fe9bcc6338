/**
 * Environments of the daemon of a soak. The seed chooses one.
 *
 * @module
 */
import { SEED } from "./plan.ts";

/** An environment of a daemon. */
export interface Environment {
  readonly name: string;
  /** The program that starts the daemon, given a directory of its own. */
  under(directory: string): readonly string[];
  /** Done once the daemon listens. */
  change(directory: string): Promise<void>;
}

const unchanged = () => Promise.resolve();

const ENVIRONMENTS: readonly Environment[] = [
  { name: "the usual one", under: () => [], change: unchanged },
  {
    name: "a working directory that is gone",
    under: (directory) => ["env", "-C", directory],
    change: (directory) => Deno.remove(directory),
  },
  {
    name: "no home directory",
    under: () => ["env", "-u", "HOME", "-u", "XDG_CACHE_HOME"],
    change: unchanged,
  },
  {
    name: "few descriptors",
    under: () => ["prlimit", "--nofile=1024:1024"],
    change: unchanged,
  },
];

/** The environment of this run. */
export function environmentOfRun(): Environment {
  return ENVIRONMENTS[SEED % ENVIRONMENTS.length]!;
}
