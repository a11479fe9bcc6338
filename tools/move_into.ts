/**
 * Moves a finished folder to its final path.
 * @module
 */

import { exists } from "./exists.ts";

/** If another process was faster, its equal folder stays. */
export async function moveInto(folder: string, place: string): Promise<void> {
  try {
    await Deno.rename(folder, place);
  } catch (error) {
    if (!await exists(place)) throw error;
  }
}
