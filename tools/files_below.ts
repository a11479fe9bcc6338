/**
 * Lists the files of a directory tree.
 * @module
 */

/** The files below `directory`, each as a path that starts with a slash, sorted. */
export async function filesBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const inside = isDirectory
      ? await filesBelow(`${directory}/${name}`)
      : [""];
    found.push(...inside.map((path) => `/${name}${path}`));
  }
  return found.sort();
}
