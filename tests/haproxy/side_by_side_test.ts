import { assert, assertEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import type { Program } from "../support/program.ts";
import { underLoad, untilSeen } from "../support/serve/under_load.ts";
import { startWrapper, template, Wrapped } from "../support/haproxy/wrapped.ts";

const INSTANCES = ["a", "b"];

Deno.test({
  name:
    "instances that share a port serve and reload side by side, even while the daemon re-executes itself",
  ignore: await lacks("haproxy"),
  fn: async () => {
    await using first = await Wrapped.serving(template("first 0"));
    const { daemon, scratch } = first;
    await using stack = new AsyncDisposableStack();
    const others: { name: string; path: string; program: Program }[] = [];
    for (const name of INSTANCES) {
      const path = scratch.join(`${name}.cfg.erb`);
      await Deno.writeTextFile(path, template(`${name} 0`));
      const program = stack.use(startWrapper(daemon.sock, ["-f", path]));
      await program.errors.next("is ready");
      others.push({ name, path, program });
    }
    const { lost } = await underLoad(first, async (seen) => {
      for (const turn of [1, 2]) {
        daemon.program.signal("SIGUSR1");
        await first.reload(template(`first ${turn}`));
        for (const { name, path, program } of others) {
          await Deno.writeTextFile(path, template(`${name} ${turn}`));
          program.signal("SIGHUP");
        }
        await first.says("is ready");
        for (const { program } of others) await program.errors.next("is ready");
        await daemon.listening();
      }
      await untilSeen(seen, /^first /);
      await untilSeen(seen, /^[ab] /);
      // One instance stops, and the others keep serving.
      const { program } = others.pop()!;
      program.signal("SIGTERM");
      assertEquals((await program.end()).code, 0);
      assert((await first.ask()).pid > 0);
    });
    assertEquals(lost, []);
    for (const { program } of others) {
      program.signal("SIGTERM");
      assertEquals((await program.end()).code, 0);
    }
  },
});
