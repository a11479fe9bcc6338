/**
 * Stages our packages in a folder registry as they are published: `deno
 * publish` runs against a JSR on the loopback interface, so Deno itself selects
 * files and rewrites imports.
 * @module
 */

import { filesBelow } from "./files_below.ts";
import { denoOutput } from "./folder_registry/deno_command.ts";
import {
  type PackageVersion,
  writePackage,
} from "./folder_registry/package_folder.ts";
import { prepareFolderRegistry } from "./folder_registry/prepare.ts";
import { loopbackJsr, type Upload } from "./loopback_jsr.ts";
import { PACKAGE_CONFIGS } from "./package_configs.ts";
import { packageTree } from "./package_tree.ts";

/**
 * Makes `destination`, new or empty, a registry of our packages and the @std ones
 * they import: `JSR_URL=file:///DESTINATION/` then serves
 * `jsr:@multibinder/server` and so on.
 */
export async function stagePackages(destination: string): Promise<void> {
  await Deno.mkdir(destination, { recursive: true });
  for await (const { name } of Deno.readDir(destination)) {
    throw new Error(
      `cannot stage packages in ${destination}: ${name} is in it; give a new or empty directory`,
    );
  }
  await Deno.symlink(
    `${await prepareFolderRegistry()}/@std`,
    `${destination}/@std`,
  );
  await using jsr = await loopbackJsr(async (upload) => {
    await writePackage(destination, await unpack(upload));
  });
  for (const config of PACKAGE_CONFIGS) {
    await using tree = await packageTree(config);
    await denoOutput([
      "publish",
      "--quiet",
      "--no-check",
      "--allow-dirty",
      "--no-provenance",
      "--token=loopback",
      `--config=${config}`,
    ], { cwd: tree.directory, env: jsr.env });
  }
}

/** Reads the tarball with `tar`, and the exports from the configuration in it. */
async function unpack(upload: Upload): Promise<PackageVersion> {
  const { scope, name, version, config, tarball } = upload;
  const root = await Deno.makeTempDir({ prefix: "multibinder-upload-" });
  try {
    const tar = new Deno.Command("tar", {
      args: ["--extract", "--gzip", "--directory", root],
      stdin: "piped",
    }).spawn();
    const writer = tar.stdin.getWriter();
    await writer.write(tarball);
    await writer.close();
    const { success, code } = await tar.status;
    if (!success) {
      throw new Error(
        `tar could not read what deno publish sent for @${scope}/${name} (exit code ${code})`,
      );
    }
    const { exports }: { exports: Record<string, string> } = JSON.parse(
      await Deno.readTextFile(root + config),
    );
    const files: PackageVersion["files"] = new Map();
    for (const path of await filesBelow(root)) {
      files.set(path, await Deno.readFile(root + path));
    }
    return { scope, name, version, exports, files };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

if (import.meta.main) {
  const [destination] = Deno.args;
  if (destination === undefined) {
    console.error("usage: deno run -A tools/stage_packages.ts DESTINATION");
    Deno.exit(2);
  }
  await stagePackages(destination);
}
