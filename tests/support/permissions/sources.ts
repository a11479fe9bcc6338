import { join, relative } from "@std/path";
import configuration from "../../../deno.json" with { type: "json" };
import { treePath } from "../tree.ts";

/** A file of the product. */
export interface Source {
  /** From the root of the tree: `server/daemon.ts`. */
  path: string;
  /** The source without comments. */
  code: string;
}

const ROOT = treePath("");

const PUBLISHED: readonly string[] = configuration.publish.include;

/** The folders that are published. */
export const FOLDERS: readonly string[] = PUBLISHED
  .filter((path) => path.endsWith("/")).map((path) => path.slice(0, -1));

/** The files beside them, the binary's face included. */
export const FACES: readonly string[] = [
  ...PUBLISHED.filter((path) => path.endsWith(".ts")),
  "multibinder.ts",
];

async function* filesUnder(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* filesUnder(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function read(path: string): Promise<Source> {
  const code = (await Deno.readTextFile(path)).replace(
    /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm,
    "",
  );
  return { path: relative(ROOT, path), code };
}

/** Every published file, and the entry of the binary. */
export async function productSources(): Promise<Source[]> {
  const paths = FACES.map((face) => join(ROOT, face));
  for (const folder of FOLDERS) {
    const path = join(ROOT, folder);
    if (await exists(path)) {
      paths.push(...await Array.fromAsync(filesUnder(path)));
    }
  }
  return await Promise.all(paths.map(read));
}

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g;

/** What a file imports: paths from the root, and specifiers as they are. */
export function importsOf({ path, code }: Source): string[] {
  return Array.from(code.matchAll(IMPORT), ([, specifier]) => {
    if (!specifier!.startsWith(".")) return specifier!;
    return join(path, "..", specifier!);
  });
}
