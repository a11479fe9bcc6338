import { assert, assertEquals } from "@std/assert";
import { importsOf, productSources } from "../support/permissions/sources.ts";

/** The template engine, and the parser that finds the place of a syntax error. */
const FROM_NPM = ["npm:acorn@^8.15.0", "npm:ejs@^7.0.2"];

Deno.test("haproxy/ imports client/ and supervisor/, and not server/", async () => {
  const imports = (await productSources())
    .filter(({ path }) => path.startsWith("haproxy/"))
    .flatMap(importsOf);
  assert(imports.length > 0);
  const allowed =
    /^(haproxy|client|supervisor|ffi)\/|^(address|protocol|duration|version)\.ts$|^@std\/|^npm:/;
  assertEquals(imports.filter((each) => !allowed.test(each)), []);
  assertEquals(
    imports.filter((each) => each.startsWith("npm:")).sort(),
    FROM_NPM,
  );
});

Deno.test("only haproxy/ imports haproxy/", async () => {
  const others = (await productSources())
    .filter(({ path }) => !path.startsWith("haproxy/"));
  const found = others.flatMap(importsOf)
    .filter((each) => each.startsWith("haproxy/"));
  assertEquals(found, []);
});
