import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../client.ts";
import { Daemon, daemonCommand } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { within } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} stops the daemon with exit code 0 and removes the path`, async () => {
    await using daemon = await Daemon.start();
    using _session = await connect({ sock: daemon.sock });
    daemon.program.signal(signal);
    const end = await daemon.program.end();
    assertEquals([end.code, end.signal], [0, null]);
    await assertRejects(() => Deno.lstat(daemon.sock), Deno.errors.NotFound);
  });
}

Deno.test("a stopping daemon leaves the socket of another server at its path", async () => {
  await using first = await Daemon.start();
  const { sock } = first;
  await Deno.remove(sock);
  await using second = await Daemon.start({ sock });
  assertEquals((await first.stop()).code, 0);
  assertEquals((await second.status()).pid, second.pid);
});

Deno.test("a stopping daemon leaves another file at its path", async () => {
  await using daemon = await Daemon.start();
  await Deno.remove(daemon.sock);
  await Deno.writeTextFile(daemon.sock, "precious");
  assertEquals((await daemon.stop()).code, 0);
  assertEquals(await Deno.readTextFile(daemon.sock), "precious");
});

Deno.test("a daemon whose directory was removed stops with exit code 0", async () => {
  await using scratch = await Scratch.make();
  await Deno.mkdir(scratch.join("run"));
  const sock = scratch.join("run/control.sock");
  const args = ["--log-level", "error"];
  await using daemon = await Daemon.start({ sock, args });
  await Deno.remove(scratch.join("run"), { recursive: true });
  const { code, errors } = await daemon.stop();
  assertEquals({ code, errors }, { code: 0, errors: "" });
});

/** Binds until log lines are written, re-executes, and binds again. */
async function assertLivesOn(sock: string, pid: number): Promise<void> {
  using session = await connect({ sock });
  using before = await session.bind("127.0.0.1", 0);
  for (let count = 0; count < 20; count++) {
    (await session.bind("127.0.0.1", 0)).close();
  }
  Deno.kill(pid, "SIGUSR1");
  await eventually(
    "the second generation answers",
    async () => (await session.status()).generation === 2,
  );
  using after = await session.bind("127.0.0.1", 0);
  assertEquals(after.addr, before.addr);
}

Deno.test("the daemon serves after its output pipes are closed", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const [command, ...args] = daemonCommand(sock);
  const child = new Deno.Command(command!, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await using end = new AsyncDisposableStack();
  end.defer(() => void child.kill("SIGKILL"));
  await child.stdout.cancel();
  await child.stderr.cancel();
  await assertLivesOn(sock, child.pid);
  child.kill("SIGTERM");
  const { code, signal } = await within(child.status, "the daemon's end");
  end.move();
  assertEquals([code, signal], [0, null]);
});

Deno.test("the daemon serves without standard output and standard error", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" <&- >&- 2>&-', "sh", ...daemonCommand(sock)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await using end = new AsyncDisposableStack();
  end.defer(() => void child.kill("SIGKILL"));
  await assertLivesOn(sock, child.pid);
  child.kill("SIGTERM");
  const { code, signal } = await within(child.status, "the daemon's end");
  end.move();
  assertEquals([code, signal], [0, null]);
  assert(!(await Array.fromAsync(Deno.readDir(scratch.path))).length);
});
