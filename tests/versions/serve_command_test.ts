import { assertEquals, assertMatch } from "@std/assert";
import { ask } from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { Served } from "../support/serve_command/served.ts";
import { Scratch } from "../support/tree.ts";
import { denoOf, OTHERS } from "../support/versions/other_versions.ts";

const source = (name: string) => `
  setInterval(() => {}, 1000);
  export default {
    onListen: ({ transport }) => console.log("listening", transport),
    fetch: () => new Response("${name}"),
  };
`;

for (const version of OTHERS) {
  Deno.test(`serve on Deno ${version}: a module on a TCP and on a UNIX socket, reloaded, and one without fetch`, async () => {
    await using daemon = await Daemon.start();
    // Versions that share a cache delete each other's files.
    await using cache = await Scratch.make();
    const options = {
      deno: denoOf(version),
      env: { DENO_DIR: cache.path },
      files: { "main.ts": source("v1") },
    };
    await using served = await Served.ready(daemon, options);
    await served.program.output.next("listening tcp");
    assertEquals(await ask(served.port), "v1");
    await served.reload("export default {};");
    await served.says("has no function fetch");
    await served.says("reload failed: generation 1 keeps serving");
    await served.reload(source("v2"));
    await served.says("generation 3: ready");
    assertMatch(await served.says("generation 1: process"), /exit code 0$/);
    assertEquals(await ask(served.port), "v2");
    const text = served.program.errors.text;
    assertEquals(/warning/.exec(text), null, text);

    const address = "unix:{dir}/web.sock";
    await using local = await Served.ready(daemon, { ...options, address });
    using client = Deno.createHttpClient({
      proxy: { transport: "unix", path: local.scratch.join("web.sock") },
    });
    const answer = await fetch("http://web/", { client });
    assertEquals(await answer.text(), "v1");
  });
}
