/**
 * Checks whether a path exists.
 * @module
 */

/** Also true for a dangling symbolic link. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
