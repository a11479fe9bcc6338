import { assert, assertEquals } from "@std/assert";
import { importsOf, productSources } from "../permissions/sources.ts";

/** The engine, and the parser that says where a mistake is. */
const FROM_NPM = ["npm:acorn@^8.15.0", "npm:ejs@^7.0.2"];

Deno.test("haproxy/ imports the client, and nothing of the server", async () => {
  const imports = (await productSources())
    .filter(({ path }) => path.startsWith("haproxy/"))
    .flatMap(importsOf);
  assert(imports.length > 0);
  const allowed =
    /^(haproxy|client|ffi)\/|^(address|protocol|duration|version)\.ts$|^@std\/|^npm:/;
  assertEquals(imports.filter((each) => !allowed.test(each)), []);
  assertEquals(
    imports.filter((each) => each.startsWith("npm:")).sort(),
    FROM_NPM,
  );
});

Deno.test("nothing but haproxy/ imports haproxy/", async () => {
  const others = (await productSources())
    .filter(({ path }) => !path.startsWith("haproxy/"));
  const found = others.flatMap(importsOf)
    .filter((each) => each.startsWith("haproxy/"));
  assertEquals(found, []);
});
