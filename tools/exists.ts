/**
 * Whether there is something at a path.
 * @module
 */

/** True for a symbolic link that leads nowhere, too. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
