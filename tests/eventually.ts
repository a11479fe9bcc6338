/**
 * Conditions that nothing announces: asked for again and again, with an end.
 *
 * @module
 */

/** Turns asked for before a condition counts as not coming: about a minute. */
const TURNS = 6000;

/** Waits until `condition` holds; fails with `what` when it never does. */
export async function eventually(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never: ${typeof what === "string" ? what : what()}`);
}
