import { processId } from "../../ffi/process.ts";
import { reapOrphans } from "../../ffi/orphans.ts";

/** When to look again behind a child that somebody else reaps, in ms. */
const AGAIN = 100;

/**
 * Where this process is the first one, as in a container, the orphans of all
 * others are its children: reaps them when they end. Nothing elsewhere.
 *
 * @param awaited whether somebody else waits for that child
 */
export function reapWhereInit(awaited: (pid: number) => boolean): Disposable {
  if (processId() !== 1) return { [Symbol.dispose]: () => {} };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const reap = () => {
    clearTimeout(timer);
    if (reapOrphans(awaited)) timer = setTimeout(reap, AGAIN);
  };
  Deno.addSignalListener("SIGCHLD", reap);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      Deno.removeSignalListener("SIGCHLD", reap);
    },
  };
}
