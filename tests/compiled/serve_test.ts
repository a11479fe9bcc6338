import { assertEquals, assertMatch } from "@std/assert";
import { Binaries, cannotCompile } from "../support/compiled/binaries.ts";
import { Program } from "../support/program.ts";

Deno.test({
  name:
    "serve of the binary says that a module needs Deno, and which command to use",
  ignore: await cannotCompile(),
  fn: async () => {
    await using binaries = new Binaries();
    await using program = Program.start(await binaries.current(), {
      args: ["serve", "127.0.0.1:0", "main.ts"],
    });
    const { code, errors } = await program.end();
    assertEquals(code, 2);
    assertMatch(
      errors,
      /^multibinder serve: this binary does not contain Deno, .*"multibinder run ADDR -- env DENO_AUTO_SERVE=1 deno run -A --preload jsr:@multibinder\/client\/serve MODULE"$/m,
    );
  },
});
