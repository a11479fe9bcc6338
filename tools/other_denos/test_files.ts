/**
 * Test files below folders.
 * @module
 */

/** The test files among and below `paths`, from the root of `tree`. */
export async function testFiles(
  tree: string,
  paths: readonly (string | number)[],
): Promise<string[]> {
  const found: string[] = [];
  for (const each of paths) {
    const path = String(each).replace(/\/$/, "");
    if (!(await Deno.stat(`${tree}/${path}`)).isDirectory) {
      found.push(path);
      continue;
    }
    const names = (await Array.fromAsync(Deno.readDir(`${tree}/${path}`)))
      .map(({ name }) => name).sort();
    const below = names.filter((name) => name.endsWith("_test.ts"));
    found.push(...below.map((name) => `${path}/${name}`));
  }
  return found;
}
