import { assertEquals } from "@std/assert";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { killed, stopped } from "../support/process_life.ts";
import { Scratch } from "../support/tree.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
  Deno.test({
    name: `${signal} is sent to the program, and run ends with its exit code`,
    ignore,
    fn: async () => {
      await using service = await Supervised.serving({
        name: "v1",
        ready: "notify",
        code: 42,
      });
      service.program.signal(signal);
      await service.program.output.next(signal);
      const { code } = await service.program.end();
      assertEquals(code, 42);
    },
  });
}

Deno.test({
  name: "after SIGTERM the program answers its last request",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const slow = service.ask("/slow");
    await service.program.output.next("slow");
    service.program.signal("SIGTERM");
    await service.program.output.next("SIGTERM");
    await service.letGoOn();
    assertEquals((await slow).name, "v1");
    assertEquals((await service.program.end()).code, 0);
  },
});

Deno.test({
  name: "SIGTERM during a reload ends both programs",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    await service.reload({ name: "v2", ready: "notify", hold: true });
    await service.says("generation 2: started");
    service.program.signal("SIGTERM");
    await service.letGoOn();
    const { errors } = await service.program.end();
    assertEquals(errors.match(/ended with/g)?.length, 2, errors);
  },
});

Deno.test({
  name: "a program that does not end within the grace is killed",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(
      { name: "v1", ready: "notify", ignore: true },
      { options: ["--ready", "notify", "--grace", "100ms"] },
    );
    service.program.signal("SIGTERM");
    assertEquals((await service.program.end()).code, 128 + 9);
  },
});

Deno.test("SIGTERM during the pause after a crash ends run with the exit code of the crash", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await Scratch.make();
  // It removes itself, and so starts only once.
  const script = await scratch.program("once", '#!/bin/sh\nrm "$0"; exit 7\n');
  await using program = startClient(
    daemon,
    ["run", "127.0.0.1:0", "--", script],
  );
  await program.errors.next("restarting at once");
  await program.errors.next(`cannot start ${script}`);
  await program.errors.next("restarting in 250 ms");
  program.signal("SIGTERM");
  assertEquals((await program.end()).code, 7);
});

Deno.test({
  name: "SIGUSR1 is sent on to the program",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    service.program.signal("SIGUSR1");
    await service.program.output.next("SIGUSR1");
  },
});

Deno.test({
  name:
    "SIGUSR1 during a reload reaches the new generation once it is ready, and does not end it before",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    await service.reload({ name: "v2", ready: "notify", unprepared: true });
    await service.says("generation 2: started");
    service.program.signal("SIGUSR1");
    await service.program.output.next("SIGUSR1");
    await service.letGoOn();
    await service.says("generation 2: ready");
    await service.program.output.next("SIGUSR1");
  },
});

Deno.test("SIGUSR1 that arrives together with the end of the program does not end run", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(
    daemon,
    ["run", "--ready", "delay:0s", "127.0.0.1:0", "--", "sleep", "600"],
  );
  for (let generation = 1; generation <= 3; generation++) {
    const line = await program.errors.next("started sleep as process ");
    await program.errors.next("ready");
    const pid = Number(line.split(" ").at(-1));
    await stopped(program.pid);
    await killed(pid);
    program.signal("SIGUSR1");
    program.signal("SIGCONT");
    await program.errors.next("ended with SIGKILL");
  }
  await program.errors.next("started sleep");
  program.signal("SIGTERM");
  const { signal, errors } = await program.end();
  assertEquals(signal, "SIGTERM", errors);
});

Deno.test("if SIGTERM ends the program, run ends by SIGTERM too, which systemd counts as success", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(
    daemon,
    ["run", "127.0.0.1:0", "--", "sleep", "600"],
  );
  await program.errors.next("started sleep");
  program.signal("SIGTERM");
  assertEquals((await program.end()).signal, "SIGTERM");
});

Deno.test("SIGTERM ends run while it waits for the daemon", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("silent.sock");
  using silent = Deno.listen({ transport: "unix", path: sock });
  await using program = startClient(undefined, [
    "run",
    "--sock",
    sock,
    "--timeout",
    "10min",
    "127.0.0.1:0",
    "--",
    "true",
  ]);
  using _connection = await silent.accept();
  program.signal("SIGTERM");
  const { signal, output, errors } = await program.end();
  assertEquals({ signal, output, errors }, {
    signal: "SIGTERM",
    output: "",
    errors: "",
  });
});
