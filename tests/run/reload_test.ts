import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";
import { underLoad } from "../support/serve/under_load.ts";

const ignore = await lacks(PYTHON);

Deno.test({
  name: "ten reloads under load lose no request",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const { lost, names } = await underLoad(service, async () => {
      for (let generation = 2; generation <= 11; generation++) {
        await service.plan({ name: `v${generation}`, ready: "notify" });
        const signal = generation % 2 === 0 ? "SIGHUP" : "SIGUSR2";
        service.program.signal(signal);
        await service.says(`generation ${generation}: ready`);
        await service.says(`generation ${generation - 1}: process`);
        assertEquals((await service.ask()).name, `v${generation}`);
      }
    }, { clients: 8, kinds: [false] });
    assertEquals(lost, []);
    const versions = Array.from(names, (body) => JSON.parse(body).name);
    for (const version of ["v1", "v11"]) assert(versions.includes(version));
  },
});

Deno.test({
  name:
    "a new version that crashes is reported with its exit code, and the old one keeps serving",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const { pid } = await service.ask();
    await service.reload({ name: "v2", crash: 3 });
    await service.says("ended with exit code 3");
    await service.says("reload failed: generation 1 keeps serving");
    assertEquals((await service.ask()).pid, pid);
    await service.reload({ name: "v3", ready: "notify" });
    await service.says("generation 3: ready");
    await service.says("generation 1: process");
    assertEquals((await service.ask()).name, "v3");
  },
});

Deno.test({
  name:
    "a new version that is not ready in time is killed, and the old one keeps serving",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(undefined, {
      options: ["--ready", "notify", "--ready-timeout", "2s"],
    });
    // On a very busy machine the first start may be late too.
    await service.says(": ready");
    const { pid } = await service.ask();
    await service.reload({ name: "v2", ready: "silent" });
    await service.says("not ready within 2 s, killed");
    await service.says("ended with SIGKILL");
    await service.says("reload failed");
    assertEquals((await service.ask()).pid, pid);
  },
});

Deno.test({
  name: "all signals during a reload become one more reload",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    await service.reload({ name: "v2", ready: "notify", hold: true });
    await service.says("generation 2: started");
    for (const signal of ["SIGHUP", "SIGUSR2", "SIGHUP"] as const) {
      service.program.signal(signal);
      await service.says(`reload: ${signal}`);
    }
    await service.letGoOn();
    await service.says("generation 2: ready");
    await service.says("generation 3: ready");
    await service.says("generation 2: process");
    service.program.signal("SIGTERM");
    const { errors } = await service.program.end();
    assertEquals(errors.match(/started/g)?.length, 3, errors);
  },
});

Deno.test({
  name:
    "the old generation answers its last request after the new one is ready",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const slow = service.ask("/slow");
    await service.program.output.next("slow");
    await service.reload({ name: "v2", ready: "notify" });
    await service.says("generation 2: ready");
    await service.program.output.next("SIGTERM");
    assertEquals((await service.ask()).name, "v2");
    await service.letGoOn();
    assertEquals((await slow).name, "v1");
    await service.says("generation 1: process");
  },
});

Deno.test({
  name: "an old generation that does not end within the grace is killed",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(
      { name: "v1", ready: "notify", ignore: true },
      { options: ["--ready", "notify", "--grace", "100ms"] },
    );
    const { pid } = await service.ask();
    await service.reload({ name: "v2", ready: "notify" });
    await service.says(`generation 1: process ${pid} ended with SIGKILL`);
    assertEquals((await service.ask()).name, "v2");
  },
});

Deno.test({
  name: "the old generation gets --stop-signal, in any case of letters",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(undefined, {
      options: ["--ready", "notify", "--stop-signal", "sigQuit"],
    });
    await service.reload({ name: "v2", ready: "notify" });
    await service.program.output.next("SIGQUIT");
    await service.says("generation 1: process");
  },
});

Deno.test({
  name: "--ready delay: the new generation takes over after the delay",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(
      { name: "v1" },
      { options: ["--ready", "delay:200ms"] },
    );
    const { pid } = await service.ask();
    await service.reload({ name: "v2" });
    await service.says("generation 2: ready");
    await service.says(`generation 1: process ${pid} ended with exit code 0`);
    assertNotEquals((await service.ask()).pid, pid);
  },
});

Deno.test({
  name: "by default a program that sends nothing is ready after two seconds",
  ignore,
  fn: async () => {
    await using service = await Supervised.start({ name: "v1" }, {
      options: [],
    });
    await service.says("generation 1: ready");
    assertEquals((await service.ask()).name, "v1");
  },
});

Deno.test({
  name: "by default a program that sends any message has to send READY=1",
  ignore,
  fn: async () => {
    // It sends more than the queue of the socket holds, so it would block if run
    // did not receive.
    await using service = await Supervised.start(
      { name: "v1", ready: "chatty" },
      { options: ["--ready", "auto:1min", "--ready-timeout", "3s"] },
    );
    // On a very busy machine the first start may be late too.
    await service.says(": ready");
    assertEquals((await service.ask()).name, "v1");
    await service.reload({ name: "v2", ready: "status" });
    await service.says("not ready within 3 s, killed");
    assertEquals((await service.ask()).name, "v1");
  },
});
