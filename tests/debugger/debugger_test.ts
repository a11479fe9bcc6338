import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";
import {
  blockedSignals,
  settled,
  settledAs,
} from "../support/process_state.ts";
import { Program } from "../support/program.ts";
import { libcPath, Scratch, treePath } from "../support/tree.ts";

const SIGUSR1_BIT = 1n << 9n;

/** Whether it has executed itself to block SIGUSR1 in every thread. */
async function hasBlocked(pid: number): Promise<boolean> {
  const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
  return environment.includes(`MULTIBINDER_SIGNALS_BLOCKED=${pid}\0`);
}

/**
 * Sends SIGUSR1 twenty times as soon as the program blocks it, and twenty times
 * once Deno has set its handler. The program must not end and not open a debugger.
 */
async function withstands(
  program: Program,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  await eventually("SIGUSR1 is blocked", () => hasBlocked(program.pid));
  const send = () => {
    for (let count = 0; count < 20; count++) program.signal("SIGUSR1");
  };
  send();
  await meanwhile();
  send();
  await settled(program.pid);
  send();
  for (const [thread, blocked] of await blockedSignals(program.pid)) {
    assert((blocked & SIGUSR1_BIT) !== 0n, `thread ${thread}`);
  }
}

function assertNoDebugger({ errors }: { errors: string }): void {
  assert(!errors.includes("Debugger listening"), errors);
}

Deno.test("SIGUSR1 opens no debugger in the daemon", async () => {
  await using daemon = await Daemon.start();
  for (let count = 0; count < 20; count++) daemon.program.signal("SIGUSR1");
  await daemon.listening();
  await settled(daemon.pid);
  await daemon.reexec();
  assertEquals((await daemon.status()).pid, daemon.pid);
  assertNoDebugger(await daemon.stop());
});

Deno.test("SIGUSR1 opens no debugger in run, and reaches its program with the default action", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(daemon, [
    "run",
    "127.0.0.1:0",
    "--",
    "sleep",
    "600",
  ]);
  let child = 0;
  await withstands(program, async () => {
    const line = await program.errors.next("started sleep as process ");
    child = Number(line.split(" ").at(-1));
    await settledAs(child, "sleep");
    const environment = await Deno.readTextFile(`/proc/${child}/environ`);
    assert(!environment.includes("MULTIBINDER_SIGNALS_BLOCKED"), environment);
  });
  await program.errors.next(`process ${child} ended with SIGUSR1`);
  program.signal("SIGTERM");
  assertNoDebugger(await program.end());
});

Deno.test("SIGUSR1 opens no debugger in list --watch", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(daemon, ["list", "--watch"]);
  await withstands(program, () => program.output.next("holds no socket"));
  program.signal("SIGTERM");
  const end = await program.end();
  assertEquals(end.code, 0);
  assertNoDebugger(end);
});

Deno.test("SIGUSR1 opens no debugger in metrics --listen", async () => {
  await using daemon = await Daemon.start();
  const args = ["metrics", "--listen", "127.0.0.1:0"];
  await using program = startClient(daemon, args, {
    permissions: ["--allow-net=127.0.0.1"],
  });
  await withstands(program, () => program.errors.next("metrics on"));
  program.signal("SIGTERM");
  const end = await program.end();
  assertEquals(end.code, 0);
  assertNoDebugger(end);
});

Deno.test({
  name: "SIGUSR1 opens no debugger in the HAProxy wrapper",
  ignore: await lacks("haproxy"),
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const { pid } = await haproxy.ask();
    await withstands(haproxy.program, async () => {});
    assertEquals((await haproxy.ask()).pid, pid);
    haproxy.program.signal("SIGTERM");
    assertNoDebugger(await haproxy.program.end());
  },
});

for (
  const [what, name] of [["serve", "serve()"], ["ignore", "ignoreSigusr1()"]]
) {
  Deno.test(`SIGUSR1 opens no debugger in a program that calls ${name}`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    await using program = Program.start(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        `--allow-ffi=${libcPath}`,
        treePath("tests/support/debugger/library_server.ts"),
        what!,
        sock,
      ],
    });
    await program.output.next("serving");
    for (let count = 0; count < 20; count++) program.signal("SIGUSR1");
    await program.output.next("a second later");
    for (let count = 0; count < 20; count++) program.signal("SIGUSR1");
    if (what === "serve") {
      using session = await connect({ sock });
      assertEquals((await session.status()).pid, program.pid);
    }
    program.signal("SIGTERM");
    const end = await program.end();
    assertEquals(end.signal, "SIGTERM");
    assertNoDebugger(end);
  });
}
