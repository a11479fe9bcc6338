/**
 * Checks each package with `deno publish --dry-run`, in a directory that has
 * exactly the files that publishing sends, with the types of the registry that
 * JSR_URL names. Further arguments go to that command.
 *
 * Then the tool adds a type error to the package and expects the same command to
 * report it: a type check that is skipped cannot pass.
 * @module
 */

import { PACKAGE_CONFIGS } from "./package_configs.ts";
import { stagePackages } from "./stage_packages.ts";

const ADDED_ERROR = "\nconst addedByCheckPackages: number = '';\n";
const REPORTED_ERROR = /TS2322 [^]*addedByCheckPackages/;

interface StagedPackage {
  name: string;
  config: string;
  directory: string;
  /** The module that is the export ".". */
  main: string;
}

/**
 * Finds a package and takes the import map out of its configuration: publishing
 * resolves all imports, and does not send the map.
 */
async function stagedPackage(
  staging: string,
  config: string,
): Promise<StagedPackage> {
  const { name, version }: { name: string; version: string } = JSON.parse(
    await Deno.readTextFile(config),
  );
  const directory = `${staging}/${name}/${version}`;
  const { importMap: _, ...staged }: {
    importMap: string;
    exports: { ".": string };
  } = JSON.parse(await Deno.readTextFile(`${directory}/${config}`));
  await Deno.writeTextFile(`${directory}/${config}`, JSON.stringify(staged));
  const main = `${directory}/${staged.exports["."]}`;
  return { name, config, directory, main };
}

async function dryRun(
  { config, directory }: StagedPackage,
): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "publish",
      "--dry-run",
      "--allow-dirty",
      `--config=${config}`,
      ...Deno.args,
    ],
    cwd: directory,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const output = [stderr, stdout].map((bytes) =>
    new TextDecoder().decode(bytes)
  )
    .join("").trim();
  return { success, output };
}

/** Says why the package cannot be published, if that is so. */
async function problemOf(staged: StagedPackage): Promise<string | undefined> {
  const { success, output } = await dryRun(staged);
  console.log(output.replaceAll(/^ +file:.*\n/gm, ""));
  if (!success) return "this package cannot be published, see above";
  await Deno.writeTextFile(staged.main, ADDED_ERROR, { append: true });
  const second = await dryRun(staged);
  if (second.success || !REPORTED_ERROR.test(second.output)) {
    return `deno publish did not check types: it did not report the added error in ${staged.main}: ${second.output}`;
  }
}

Deno.chdir(`${import.meta.dirname}/..`);
const staging = await Deno.makeTempDir({ prefix: "multibinder-packages-" });
try {
  await stagePackages(staging);
  for (const config of PACKAGE_CONFIGS) {
    const staged = await stagedPackage(staging, config);
    const problem = await problemOf(staged);
    if (problem === undefined) continue;
    console.error(`${staged.name} (${config}): ${problem}`);
    Deno.exitCode = 1;
  }
} finally {
  await Deno.remove(staging, { recursive: true });
}
