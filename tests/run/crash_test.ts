import { assertEquals, assertNotEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { hasEnded, killed, stopped } from "../support/process_life.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

Deno.test({
  name:
    "after a kill -9 the program is restarted at once and answers the waiting requests",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const { pid } = await service.ask();
    await stopped(pid);
    const waiting = Array.from({ length: 20 }, () => service.ask());
    Deno.kill(pid, "SIGKILL");
    await service.says(`process ${pid} ended with SIGKILL`);
    await service.says("restarting at once");
    for (const answer of await Promise.all(waiting)) {
      assertNotEquals(answer.pid, pid);
    }
  },
});

Deno.test({
  name: "a program that crashes is restarted even when the daemon has ended",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const { pid } = await service.ask();
    await service.daemon.stop();
    await killed(pid);
    assertNotEquals((await service.ask()).pid, pid);
  },
});

Deno.test({
  name:
    "a program that crashes again and again is restarted after growing pauses, and at once by a reload",
  ignore,
  fn: async () => {
    await using service = await Supervised.start({ name: "v1", crash: 7 });
    for (const pause of ["at once", "in 250 ms", "in 500 ms", "in 1 s"]) {
      await service.says("ended with exit code 7");
      await service.says(`restarting ${pause}`);
    }
    await service.reload({ name: "v2", ready: "notify" });
    await service.says(": ready");
    assertEquals((await service.ask()).name, "v2");
  },
});

Deno.test({
  name: "a program that crashes during a reload is replaced by the new one",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const { pid } = await service.ask();
    await service.reload({ name: "v2", ready: "notify", hold: true });
    await service.says("generation 2: started");
    Deno.kill(pid, "SIGKILL");
    await service.says(`generation 1: process ${pid} ended with SIGKILL`);
    await service.letGoOn();
    await service.says("generation 2: ready");
    assertEquals((await service.ask()).name, "v2");
  },
});

Deno.test({
  name: "processes that a crashed program left behind are ended",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving({
      name: "v1",
      ready: "notify",
      child: true,
    });
    const left = (await service.program.output.next("left ")).split(" ")[1];
    Deno.kill((await service.ask()).pid, "SIGKILL");
    await eventually(
      "the end of the child",
      () => hasEnded(Number(left)),
    );
  },
});
