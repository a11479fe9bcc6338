import { assert, assertEquals } from "@std/assert";
import { PACKAGE_CONFIGS } from "../../tools/package_configs.ts";
import { VERSION } from "../../version.ts";

interface PackageConfig {
  name: string;
  version: string;
  license: string;
  exports: Record<string, string>;
  importMap: string;
  imports?: unknown;
  lock: boolean;
  publish: { include: string[] };
}

const project = new URL("../../", import.meta.url);

async function read(config: string): Promise<PackageConfig> {
  return JSON.parse(await Deno.readTextFile(new URL(config, project)));
}

Deno.test("the three packages have one version, and the programs print it", async () => {
  for (const config of PACKAGE_CONFIGS) {
    assertEquals((await read(config)).version, VERSION, config);
  }
});

Deno.test("the three packages share imports, license and lock setting", async () => {
  for (const config of PACKAGE_CONFIGS) {
    const { importMap, imports, license, lock } = await read(config);
    assertEquals(
      { importMap, imports, license, lock },
      {
        importMap: "./imports.json",
        imports: undefined,
        license: "MIT",
        lock: false,
      },
      config,
    );
  }
});

Deno.test("both names of each import in imports.json have the same version", async () => {
  const { imports }: { imports: Record<string, string> } = JSON.parse(
    await Deno.readTextFile(new URL("imports.json", project)),
  );
  for (const [name, specifier] of Object.entries(imports)) {
    if (name.endsWith("/")) continue;
    assertEquals(imports[`${name}/`], `jsr:/${specifier.slice(4)}/`);
  }
});

Deno.test("every export of a package is published, and every published path exists", async () => {
  for (const config of PACKAGE_CONFIGS) {
    const { exports, publish } = await read(config);
    for (const target of Object.values(exports)) {
      assert(
        publish.include.some((path) => target.slice(2).startsWith(path)),
        `${config} exports ${target} but does not publish it`,
      );
    }
    for (const path of publish.include) {
      await Deno.stat(new URL(path, project));
    }
  }
});

Deno.test("the package of both sides publishes the files of the other two", async () => {
  const both = new Set((await read("deno.json")).publish.include);
  const each = new Set([
    ...(await read("server.deno.json")).publish.include,
    ...(await read("client.deno.json")).publish.include,
    "mod.ts",
  ]);
  assertEquals(both, each);
});
