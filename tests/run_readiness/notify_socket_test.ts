import { assert, assertEquals } from "@std/assert";
import { NotifySocket } from "../../supervisor/notify_socket.ts";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON } from "../support/run/supervised.ts";
import { asUnprivileged, OpenScratch } from "../support/unprivileged.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks(PYTHON, "unshare") || Deno.uid() !== 0;

Deno.test({
  name:
    "READY=1 is found from another network namespace, and at the end the socket is gone",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    await Deno.chmod(scratch.path, 0o755);
    await Deno.writeTextFile(
      scratch.join("plan"),
      JSON.stringify({ name: "v1", ready: "notify" }),
    );
    const runtime = scratch.join("runtime");
    await Deno.mkdir(runtime);
    await using run = startClient(daemon, [
      "run",
      "--ready",
      "notify",
      "127.0.0.1:0",
      "--",
      "unshare",
      "--net",
      PYTHON,
      treePath("tests/support/run/service.py"),
      scratch.join("plan"),
    ], { env: { RUNTIME_DIRECTORY: `${runtime}:/nowhere` } });
    await run.errors.next("generation 1: ready");
    const [{ name: directory }] = [...Deno.readDirSync(runtime)] as [
      Deno.DirEntry,
    ];
    assertEquals(Deno.statSync(`${runtime}/${directory}`).mode! & 0o777, 0o711);
    run.signal("SIGHUP");
    await run.errors.next("generation 2: ready");
    run.signal("SIGTERM");
    await run.end();
    assertEquals([...Deno.readDirSync(runtime)], []);
  },
});

Deno.test({
  name: "the socket of a user's run is that user's alone",
  ignore,
  fn: async () => {
    await using scratch = await OpenScratch.make();
    const runtime = scratch.join("cache");
    const { env, ...options } = await asUnprivileged(scratch);
    await using daemon = await Daemon.start({
      ...options,
      env,
      sock: scratch.join("cache/control.sock"),
    });
    await using run = startClient(daemon, [
      "run",
      "--ready",
      "delay:1ms",
      "--watchdog",
      "10m",
      "127.0.0.1:0",
      "--",
      "sh",
      "-c",
      'stat -c "mode %a" "$NOTIFY_SOCKET" "${NOTIFY_SOCKET%/*}"; exec sleep 600',
    ], { ...options, env: { ...env, XDG_RUNTIME_DIR: runtime } });
    assertEquals(await run.output.next("mode"), "mode 600");
    assertEquals(await run.output.next("mode"), "mode 700");
    run.signal("SIGTERM");
    await run.end();
  },
});

Deno.test("without a directory for it the socket has an abstract name", () => {
  const names = ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR"];
  const before = names.map((name) => Deno.env.get(name));
  try {
    for (const name of names) Deno.env.set(name, `/${"x".repeat(200)}`);
    using notify = new NotifySocket(65534, []);
    assert(notify.socket.name.startsWith("@multibinder-run-"));
  } finally {
    names.forEach((name, index) => {
      const value = before[index];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    });
  }
});
