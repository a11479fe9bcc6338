/**
 * Conditions that nothing announces: asked for again and again, with an end.
 *
 * @module
 */

/**
 * How long a test waits for what has to happen, in ms: a hundred times what it
 * takes on a machine with nothing else to do.
 */
export const PATIENCE = 240_000;

/** Pause between two looks, in ms. */
const PAUSE = 10;

/** Waits until `condition` holds; fails with `what` when it never does. */
export async function eventually(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!await condition()) {
    if (performance.now() > end) {
      throw new Error(`never: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
