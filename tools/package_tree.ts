/**
 * The directory that a package is published from: `deno publish` sends files
 * under the names that they have, and each package has a README.md of its own.
 * @module
 */

import { filesBelow } from "./files_below.ts";
import { READMES } from "./package_configs.ts";

const project = `${import.meta.dirname}/..`;

/** A directory that is removed at the end. */
export interface PackageTree extends AsyncDisposable {
  directory: string;
}

/** The files of a package, copied from this tree. */
export async function packageTree(config: string): Promise<PackageTree> {
  const directory = await Deno.makeTempDir({ prefix: "multibinder-package-" });
  const copy = async (from: string, to = from) => {
    const folder = to.slice(0, Math.max(to.lastIndexOf("/"), 0));
    await Deno.mkdir(`${directory}/${folder}`, { recursive: true });
    await Deno.copyFile(`${project}/${from}`, `${directory}/${to}`);
  };
  const { publish, importMap }: {
    publish: { include: string[] };
    importMap: string;
  } = JSON.parse(await Deno.readTextFile(`${project}/${config}`));
  for (const path of [config, importMap, ...publish.include]) {
    if (path === "README.md") await copy(READMES[config]!, path);
    else if (!path.endsWith("/")) await copy(path);
    else {
      const folder = path.slice(0, -1);
      for (const file of await filesBelow(`${project}/${folder}`)) {
        await copy(folder + file);
      }
    }
  }
  return {
    directory,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}
