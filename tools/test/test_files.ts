/**
 * The test files below folders.
 * @module
 */

import { filesBelow } from "../files_below.ts";

/** The test files among and below `paths`, which count from the root of `tree`. */
export async function testFiles(
  tree: string,
  paths: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const each of paths) {
    const path = each.replace(/\/+$/, "");
    if (!(await Deno.stat(`${tree}/${path}`)).isDirectory) {
      found.push(path);
      continue;
    }
    const below = await filesBelow(`${tree}/${path}`);
    found.push(
      ...below.filter((file) => file.endsWith("_test.ts"))
        .map((file) => path + file),
    );
  }
  return found;
}
