/**
 * Polls for conditions that cause no event, with a time limit.
 *
 * @module
 */

/**
 * How long a test waits for a condition, in ms: about a hundred times as long
 * as on an idle machine.
 */
export const PATIENCE = 240_000;

/** Pause between two checks, in ms. */
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
