import { assertEquals } from "@std/assert";
import { Sentinel } from "../../haproxy/readiness.ts";
import { withoutLeak } from "../descriptor_leak.ts";
import { Program } from "../program.ts";
import { treePath } from "../tree.ts";
import { eventually } from "../eventually.ts";
import { runs } from "./wrapped.ts";

Deno.test("a sentinel that gets SIGUSR1 was told, also when it is dismissed at once", async () => {
  await withoutLeak(async () => {
    for (let turn = 0; turn < 20; turn++) {
      const sentinel = await Sentinel.start();
      Deno.kill(sentinel.pid, "SIGUSR1");
      assertEquals(await sentinel.dismiss(), "told");
    }
  });
});

Deno.test("a sentinel that gets nothing is dismissed, and what pauses a HAProxy does not stop it", async () => {
  await withoutLeak(async () => {
    const sentinel = await Sentinel.start();
    Deno.kill(sentinel.pid, "SIGTTOU");
    Deno.kill(sentinel.pid, "SIGTTIN");
    assertEquals(await sentinel.dismiss(), "dismissed");
  });
});

Deno.test("a sentinel that somebody kills is lost", async () => {
  const sentinel = await Sentinel.start();
  Deno.kill(sentinel.pid, "SIGKILL");
  assertEquals(await sentinel.relief, "lost");
});

Deno.test("a sentinel ends with the program that has started it", async () => {
  const module = treePath("haproxy/readiness.ts");
  await using program = Program.start(Deno.execPath(), {
    args: [
      "eval",
      `import { Sentinel } from "file://${module}";
       console.log("pid", (await Sentinel.start()).pid);`,
    ],
  });
  const pid = Number((await program.output.next("pid")).split(" ")[1]);
  program.signal("SIGKILL");
  await program.end();
  await eventually("its end", async () => !await runs(pid));
  assertEquals(await runs(pid), false);
});
