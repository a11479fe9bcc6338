import { assertEquals } from "@std/assert";
import { VERSION } from "../../version.ts";
import { Sandbox } from "../support/pages/sandbox.ts";

Deno.test("the installed commands print their version and help, and a deno.json of the working directory does not change them", async () => {
  await using sandbox = await Sandbox.make();
  await Deno.writeTextFile(
    sandbox.work("deno.json"),
    JSON.stringify({
      imports: {
        "jsr:@multibinder/client": "./main.ts",
        "jsr:@multibinder/server": "./main.ts",
        "jsr:@std/cli@^1.0.32": "./main.ts",
      },
    }),
  );
  for (const name of ["server", "client", "haproxy"]) {
    await using version = sandbox.start(`multibinder-${name} -V`);
    assertEquals(
      await version.end(),
      { code: 0, signal: null, output: VERSION, errors: "" },
    );
    await using help = sandbox.start(`multibinder-${name} --help`);
    const [first = ""] = (await help.end()).output.split("\n");
    assertEquals(first.split(" ").slice(0, 2), [
      "Usage:",
      `multibinder-${name}`,
    ]);
  }
});

Deno.test("an installed daemon re-executes itself, and the installed client runs a program on its socket", async () => {
  await using sandbox = await Sandbox.make();
  await using daemon = sandbox.start(`multibinder-server ${sandbox.sock}`);
  await daemon.output.next("Listening");
  daemon.signal("SIGUSR1");
  await daemon.output.next("Respawning...");
  await daemon.output.next("Listening");
  await using exec = sandbox.start(
    "multibinder-client exec web=127.0.0.1:0 -- printenv LISTEN_FDNAMES",
  );
  assertEquals(
    await exec.end(),
    { code: 0, signal: null, output: "web", errors: "" },
  );
  daemon.signal("SIGTERM");
  assertEquals((await daemon.end()).code, 0);
});
