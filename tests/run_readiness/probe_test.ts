import { assertEquals, assertStringIncludes } from "@std/assert";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { treePath } from "../support/tree.ts";
import { asUnprivileged, OpenScratch } from "../support/unprivileged.ts";
import { lacks } from "../support/foreign_program.ts";
import { stopped } from "../support/process_life.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

const HTTP = ["--ready", "http:/healthz"];

/** Runs `action` while the other process of the service accepts no connection. */
async function withoutOther(
  pid: number,
  action: () => Promise<void>,
): Promise<void> {
  await stopped(pid);
  try {
    await action();
  } finally {
    Deno.kill(pid, "SIGCONT");
  }
}

Deno.test({
  name: "--ready tcp: the program is ready once it accepts a connection",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(
      { name: "v1", hold: true },
      { options: ["--ready", "tcp"] },
    );
    await service.says("generation 1: started");
    await service.letGoOn();
    await service.says("generation 1: ready");
    assertEquals((await service.ask()).name, "v1");
  },
});

Deno.test({
  name:
    "--ready http: a program that answers 503 is not ready until it answers 200",
  ignore,
  fn: async () => {
    await using service = await Supervised.start(
      { name: "v1", busy: true },
      { options: HTTP },
    );
    await service.program.output.next("asked");
    await service.program.output.next("asked");
    assertEquals(service.program.errors.text.includes("ready"), false);
    await service.letGoOn();
    await service.says("generation 1: ready");
  },
});

for (const ready of ["tcp", "http:/"]) {
  Deno.test({
    name:
      `--ready ${ready}: what the old generation answers does not make the new one ready`,
    ignore,
    fn: async () => {
      await using service = await Supervised.serving({ name: "v1" }, {
        options: ["--ready", ready, "--ready-timeout", "3s"],
      });
      await service.reload({ name: "v2", hold: true });
      await service.says("another process has accepted the connections");
      await service.says("generation 2: not ready within 3 s, killed");
      await service.says("reload failed: generation 1 keeps serving");
      const { name, pid } = await service.ask();
      assertEquals(name, "v1");
      await withoutOther(pid, async () => {
        await service.reload({ name: "v3" });
        await service.says("generation 3: ready");
      });
      await service.says("generation 1: process");
      assertEquals((await service.ask()).name, "v3");
    },
  });
}

for (const ready of ["tcp", "http:/"]) {
  Deno.test({
    name:
      `--ready ${ready}: where it cannot be seen who accepts, the first start is ready, and a reload says so`,
    ignore: ignore || Deno.uid() !== 0,
    fn: async () => {
      await using scratch = await OpenScratch.make();
      // /proc/PID/fd of a program that is not readable belongs to root.
      const python = scratch.join("python3");
      await Deno.copyFile(await Deno.realPath(PYTHON), python);
      await Deno.chmod(python, 0o711);
      const plan = scratch.join("plan");
      await Deno.writeTextFile(plan, '{"name": "v1"}');
      const { env, ...options } = await asUnprivileged(scratch);
      await using daemon = await Daemon.start({
        ...options,
        env,
        sock: scratch.join("cache/control.sock"),
      });
      await using run = startClient(daemon, [
        "run",
        "--ready",
        ready,
        "127.0.0.1:0",
        "--",
        python,
        treePath("tests/support/run/service.py"),
        plan,
      ], { ...options, env: { ...env, PYTHONHOME: "/usr" } });
      await run.errors.next("generation 1: ready");
      assertEquals(run.errors.text.includes("may have accepted"), false);
      run.signal("SIGHUP");
      await run.errors.next(
        "generation 2: another generation may have accepted the connection that makes it ready",
      );
      await run.errors.next("generation 2: ready");
      run.signal("SIGTERM");
      await run.end();
    },
  });
}

Deno.test({
  name: "--ready http: the log says which status a late program answered with",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving({ name: "v1" }, {
      options: [...HTTP, "--ready-timeout", "3s"],
    });
    await withoutOther((await service.ask()).pid, async () => {
      await service.reload({ name: "v2", busy: true });
      const line = await service.says("GET /healthz");
      assertStringIncludes(line, "generation 2: GET /healthz: status 503");
      await service.says("reload failed: generation 1 keeps serving");
    });
  },
});
