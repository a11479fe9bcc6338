/**
 * Puts a finished folder in its place.
 * @module
 */

import { exists } from "./exists.ts";

/** Another process that was there first has made the same thing. */
export async function moveInto(folder: string, place: string): Promise<void> {
  try {
    await Deno.rename(folder, place);
  } catch (error) {
    if (!await exists(place)) throw error;
  }
}
