import { assert, assertEquals } from "@std/assert";
import { importsOf, productSources } from "../permissions/sources.ts";

/** What each file imports, types included. */
async function importsOfFolder(prefix: string): Promise<Map<string, string[]>> {
  const sources = await productSources();
  return new Map(
    sources.filter(({ path }) => path.startsWith(prefix))
      .map((source) => [source.path, importsOf(source)]),
  );
}

/** Removes files that import no other file of the map until none is left. */
function filesInCircles(imports: ReadonlyMap<string, string[]>): string[] {
  const left = new Map(imports);
  let size;
  do {
    size = left.size;
    for (const [path, imported] of left) {
      if (!imported.some((each) => left.has(each))) left.delete(path);
    }
  } while (left.size < size);
  return [...left.keys()];
}

Deno.test("a circle of imports is found, without what it imports", () => {
  const circle = new Map([["a", ["b"]], ["b", ["a", "c"]], ["c", []]]);
  assertEquals(filesInCircles(circle), ["a", "b"]);
});

Deno.test("ffi/ has no circle of imports, imports of types included", async () => {
  const imports = await importsOfFolder("ffi/");
  assert(imports.size > 30);
  assertEquals(filesInCircles(imports), []);
});
