import { assertEquals } from "@std/assert";
import { ReadinessProbe } from "../../haproxy/wrapper/readiness_probe.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { eventually } from "../support/eventually.ts";
import { runs } from "../support/process_life.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";

Deno.test("a probe that gets SIGUSR1 says ready, even if it is ended directly afterwards", async () => {
  await withoutLeak(async () => {
    for (let turn = 0; turn < 20; turn++) {
      const probe = ReadinessProbe.start();
      Deno.kill(probe.pid, "SIGUSR1");
      assertEquals(await probe.end(), "ready");
    }
  });
});

Deno.test("a probe that gets no SIGUSR1 says not ready, and the signals that pause a HAProxy do not stop it", async () => {
  await withoutLeak(async () => {
    const probe = ReadinessProbe.start();
    Deno.kill(probe.pid, "SIGTTOU");
    Deno.kill(probe.pid, "SIGTTIN");
    assertEquals(await probe.end(), "not ready");
  });
});

Deno.test("a probe that another program kills says unknown", async () => {
  await withoutLeak(async () => {
    const probe = ReadinessProbe.start();
    Deno.kill(probe.pid, "SIGKILL");
    assertEquals(await probe.result, "unknown");
    assertEquals(await probe.end(), "unknown");
  });
});

Deno.test("a probe withstands the signals for a reload, from its start on", async () => {
  await withoutLeak(async () => {
    for (let turn = 0; turn < 5; turn++) {
      const probe = ReadinessProbe.start();
      Deno.kill(probe.pid, "SIGHUP");
      Deno.kill(probe.pid, "SIGUSR2");
      assertEquals(await probe.end(), "not ready");
    }
  });
});

Deno.test("a probe ends with the program that started it", async () => {
  const module = treePath("haproxy/wrapper/readiness_probe.ts");
  await using program = Program.start(Deno.execPath(), {
    args: [
      "eval",
      `import { ReadinessProbe } from "file://${module}";
       console.log("pid", ReadinessProbe.start().pid);`,
    ],
  });
  const pid = Number((await program.output.next("pid")).split(" ")[1]);
  program.signal("SIGKILL");
  await program.end();
  await eventually("the end of the probe", async () => !await runs(pid));
});
