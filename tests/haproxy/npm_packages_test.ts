import { assertEquals } from "@std/assert";
import { importsOf, productSources } from "../support/permissions/sources.ts";

/** The template engine, and the parser that finds the place of a syntax error. */
const FROM_NPM = ["npm:acorn@^8.15.0", "npm:ejs@^7.0.2"];

Deno.test("haproxy/ imports two packages from npm, and nothing else imports any", async () => {
  const imports = (await productSources()).flatMap((source) =>
    importsOf(source)
      .filter((each) => each.startsWith("npm:"))
      .map((each) => ({ folder: source.path.split("/")[0], each }))
  );
  assertEquals(imports.map(({ each }) => each).sort(), FROM_NPM);
  assertEquals([...new Set(imports.map(({ folder }) => folder))], ["haproxy"]);
});
