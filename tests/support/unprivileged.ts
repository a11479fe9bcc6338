/**
 * Runs programs as a user other than root.
 *
 * @module
 */
import { Scratch } from "./tree.ts";

const NOBODY = 65534;

/**
 * The command prefix that drops root's rights, because root passes every
 * permission check.
 */
export const unprivileged: readonly string[] = Deno.uid() === 0
  ? [
    "setpriv",
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    "--clear-groups",
    "--inh-caps=-all",
  ]
  : [];

/**
 * A Deno that such a program can execute again: root's own may lie in a
 * directory that is root's alone, as the home of npx's cache often does.
 */
export async function reachableDeno(scratch: OpenScratch): Promise<string> {
  const path = Deno.execPath();
  const [command = "sh", ...args] = [...unprivileged, "sh"];
  const { success } = await new Deno.Command(command, {
    args: [...args, "-c", 'test -x "$1"', "sh", path],
  }).output();
  if (success) return path;
  const copy = scratch.join("deno");
  await Deno.copyFile(path, copy);
  await Deno.chmod(copy, 0o755);
  return copy;
}

/** Options of a daemon that such a user runs, which has to execute itself. */
export async function asUnprivileged(
  scratch: OpenScratch,
): Promise<
  { under: readonly string[]; deno: string; env: Record<string, string> }
> {
  const deno = await reachableDeno(scratch);
  return { under: unprivileged, deno, env: scratch.env };
}

/** A directory that such a program may read, and a place for Deno's cache. */
export class OpenScratch implements AsyncDisposable {
  private constructor(readonly scratch: Scratch) {}

  /** Makes one. */
  static async make(): Promise<OpenScratch> {
    const scratch = await Scratch.make();
    await Deno.chmod(scratch.path, 0o755);
    await Deno.mkdir(scratch.join("cache"));
    await Deno.chmod(scratch.join("cache"), 0o777);
    return new OpenScratch(scratch);
  }

  /** A path in it. */
  join(name: string): string {
    return this.scratch.join(name);
  }

  /** Variables that let Deno run without the home directory. */
  get env(): Record<string, string> {
    return { DENO_DIR: this.join("cache") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scratch[Symbol.asyncDispose]();
  }
}
