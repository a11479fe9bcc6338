import { adoptOrphans, reapOrphans } from "../ffi/processes/orphans.ts";
import { processId } from "../ffi/processes/process.ts";
import { isAwaited } from "./child.ts";

/** When to look behind a child that is reaped elsewhere, in ms. */
const INTERVAL = 100;

/**
 * Reaps orphans where this process is process 1, as in a container: the kernel
 * makes it the parent of every process whose own parent has ended. Does nothing
 * in any other process.
 */
export function reapOrphansAsInit(): Disposable {
  return processId() === 1 ? reapAll() : { [Symbol.dispose]: () => {} };
}

/**
 * Makes this process the parent of every descendant whose own parent has ended,
 * and reaps these orphans. How a process ends that takes the place of a child can
 * be seen by its parent only.
 */
export function adoptAndReapOrphans(): Disposable {
  adoptOrphans();
  return reapAll();
}

function reapAll(): Disposable {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const reap = () => {
    clearTimeout(timer);
    if (reapOrphans(isAwaited)) timer = setTimeout(reap, INTERVAL);
  };
  Deno.addSignalListener("SIGCHLD", reap);
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      Deno.removeSignalListener("SIGCHLD", reap);
    },
  };
}
