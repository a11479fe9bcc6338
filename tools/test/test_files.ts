/**
 * The test files below folders.
 * @module
 */

/** The test files among and below `paths`, which count from the root of `tree`. */
export async function testFiles(
  tree: string,
  paths: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const each of paths) {
    const path = each.replace(/\/+$/, "");
    if ((await Deno.stat(`${tree}/${path}`)).isDirectory) {
      found.push(...await filesBelow(tree, path));
    } else found.push(path);
  }
  return found;
}

async function filesBelow(tree: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${tree}/${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) found.push(...await filesBelow(tree, path));
    else if (entry.name.endsWith("_test.ts")) found.push(path);
  }
  return found.sort();
}
