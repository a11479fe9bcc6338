import { assertEquals, assertStringIncludes } from "@std/assert";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);
const permissions = ["--allow-read"];

Deno.test({
  name: "--watch reloads when a file is written, and when it is replaced",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    const file = watched.join("app.py");
    await Deno.writeTextFile(file, "1");
    await using service = await Supervised.serving(
      { name: "v1", ready: "notify" },
      { options: ["--ready", "notify", "--watch", file], permissions },
    );
    await service.plan({ name: "v2", ready: "notify" });
    await Deno.writeTextFile(watched.join("other.py"), "2");
    await Deno.writeTextFile(file, "2");
    await service.says(`reload: ${file} has changed`);
    await service.says("generation 2: ready");
    // Until the old generation has ended, it may answer too.
    await service.says("generation 1: process");
    assertEquals((await service.ask()).name, "v2");
    await Deno.rename(watched.join("other.py"), file);
    await service.says(`reload: ${file} has changed`);
    await service.says("generation 3: ready");
  },
});

Deno.test({
  name: "--watch reloads when anything in a directory changes",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    await Deno.mkdir(watched.join("deep"));
    await using service = await Supervised.serving(
      { name: "v1", ready: "notify" },
      { options: ["--ready", "notify", "--watch", watched.path], permissions },
    );
    await Deno.writeTextFile(watched.join("deep/new.py"), "2");
    await service.says(`reload: ${watched.join("deep/new.py")} has changed`);
    await service.says("generation 2: ready");
  },
});

Deno.test("a path to watch that does not exist is an error", async () => {
  await using daemon = await Daemon.start();
  const { code, errors } = await runClient(
    daemon,
    ["run", "--watch", "/no/such/path", "127.0.0.1:0", "--", "sleep", "600"],
    { permissions },
  );
  assertEquals(code, 1);
  assertStringIncludes(errors, "--watch /no/such/path: it does not exist");
});
