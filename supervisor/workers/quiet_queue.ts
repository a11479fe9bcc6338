/** How often to look at an accept queue, in ms. */
const INTERVAL = 50;

/**
 * How long an accept queue has to stay empty, in ms: a connection whose handshake
 * has begun may still arrive.
 */
const QUIET = 1_000;

/**
 * Waits until no connection has waited for a second. Returns false if `signal`
 * aborts, or after `limit` ms.
 *
 * @param waiting the number of connections that wait
 * @param onWaiting called when there are any
 */
export async function untilQuiet(
  waiting: () => number,
  onWaiting: () => void,
  limit: number,
  signal: AbortSignal,
): Promise<boolean> {
  const begin = performance.now();
  let since = begin;
  while (!signal.aborted) {
    const now = performance.now();
    if (waiting() > 0) {
      since = now;
      onWaiting();
    }
    if (now - since >= QUIET) return true;
    if (now - begin >= limit) return false;
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
  return false;
}
