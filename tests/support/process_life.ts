/**
 * Stops and kills processes, and says which of them run.
 *
 * A signal takes effect when its process runs next, which on a busy machine is
 * later than kill(2): until then the process may accept a connection.
 *
 * @module
 */
import { eventually } from "./eventually.ts";

/** ESRCH, which Deno reports without a code before 2.9. */
const NO_SUCH_PROCESS = /\(os error 3\)/;

/** Whether this error of a read in /proc means that the process has ended. */
export function isEnd(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof Error && NO_SUCH_PROCESS.test(error.message));
}

/** What `read` finds in /proc; `gone` when the process or thread has ended. */
export async function unlessEnded<T>(read: Promise<T>, gone: T): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!isEnd(error)) throw error;
    return gone;
  }
}

/** The text of a file of each thread of a process. */
async function ofThreads(pid: number, file: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${name}/${file}`;
    texts.push(await unlessEnded(Deno.readTextFile(path), ""));
  }
  return texts.filter((text) => text !== "");
}

/** The children of a process, zombies included. */
export async function childrenOf(pid: number): Promise<number[]> {
  return (await ofThreads(pid, "children"))
    .flatMap((list) => list.trim().split(" "))
    .filter((each) => each !== "").map(Number);
}

/** Whether a process exists; a zombie does. */
export async function runs(pid: number): Promise<boolean> {
  return await unlessEnded(Deno.stat(`/proc/${pid}`).then(() => true), false);
}

/** A process's state, a letter of proc_pid_stat(5); `undefined` for none. */
export async function stateOf(pid: number): Promise<string | undefined> {
  const text = await unlessEnded(Deno.readTextFile(`/proc/${pid}/stat`), "");
  return text.slice(text.lastIndexOf(")") + 2)[0];
}

/** Whether a process is a zombie or does not exist. */
export async function hasEnded(pid: number): Promise<boolean> {
  return [undefined, "Z"].includes(await stateOf(pid));
}

/** Stops a process with SIGSTOP, and waits until each of its threads has stopped. */
export async function stopped(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  await eventually(
    "all threads have stopped",
    async () =>
      (await ofThreads(pid, "status")).every((text) =>
        /^State:\tT/m.test(text)
      ),
  );
}

/** Kills a process with SIGKILL, and waits until it has ended. */
export async function killed(pid: number): Promise<void> {
  Deno.kill(pid, "SIGKILL");
  await eventually("the killed process has ended", () => hasEnded(pid));
}
