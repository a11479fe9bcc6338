import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { hasEnded, killed, stopped } from "../support/process_life.ts";
import { descriptorsOf } from "../support/process_state.ts";
import { libcPath } from "../support/tree.ts";
import { BindLoad } from "../support/upgrade/bind_load.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

/** Source of a program that waits for a file at `gate`. */
function waitingFor(gate: string): string {
  return `
const { symbols } = Deno.dlopen(${JSON.stringify(libcPath)}, {
  access: { parameters: ["buffer", "i32"], result: "i32" },
  usleep: { parameters: ["u32"], result: "i32" },
});
const gate = new TextEncoder().encode(${JSON.stringify(`${gate}\0`)});
while (symbols.access(gate, 0) !== 0) symbols.usleep(5000);
`;
}

/** The number of lines of a text that contain another one. */
function count(text: string, line: string): number {
  return text.split("\n").filter((each) => each === line).length;
}

Deno.test("SIGUSR1 during a check starts no second check beside it", async () => {
  await using daemon = await CopiedDaemon.start();
  const gate = daemon.scratch.join("gate");
  await daemon.source.prepend(waitingFor(gate));
  daemon.program.signal("SIGUSR1");
  const checked = await daemon.hasChildren(1);
  await using load = new BindLoad(daemon.sock, 2);
  for (let sent = 0; sent < 10; sent++) {
    daemon.program.signal("SIGUSR1");
    await load.times(2);
  }
  assertEquals(await daemon.hasChildren(1), checked);
  await load.stop();
  await Deno.writeTextFile(gate, "");
  await daemon.listening();
  assertEquals((await daemon.status()).generation, 2);
  const { code, output } = await daemon.stop();
  assertEquals(code, 0);
  assertEquals(count(output, "Respawning..."), 1);
});

Deno.test("signals for every process of the service do not end the check", async () => {
  await using daemon = await CopiedDaemon.start();
  const gate = daemon.scratch.join("gate");
  await daemon.source.prepend(waitingFor(gate));
  daemon.program.signal("SIGUSR1");
  // From here on the child can receive what systemctl kill or pkill sends.
  const [checked] = await daemon.hasChildren(1);
  for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"] as const) {
    Deno.kill(checked!, signal);
  }
  await Deno.writeTextFile(gate, "");
  await daemon.listening();
  assertEquals((await daemon.status()).generation, 2);
});

Deno.test("SIGTERM ends the check of a daemon that was killed: systemd waits for it before it starts the next daemon", async () => {
  await using daemon = await CopiedDaemon.start();
  const gate = daemon.scratch.join("gate");
  await daemon.source.prepend(waitingFor(gate));
  daemon.program.signal("SIGUSR1");
  const [checked] = await daemon.hasChildren(1);
  try {
    await killed(daemon.pid);
    Deno.kill(checked!, "SIGTERM");
    await eventually("the end of the check", () => hasEnded(checked!));
  } finally {
    await Deno.writeTextFile(gate, "");
  }
});

Deno.test("SIGTERM for every process of the service during a check is a stop, not a failed check", async () => {
  await using daemon = await CopiedDaemon.start();
  await daemon.source.prepend(waitingFor(daemon.scratch.join("gate")));
  daemon.program.signal("SIGUSR1");
  const [checked] = await daemon.hasChildren(1);
  // It learns of both at the same time, in an order that differs from run to run.
  await stopped(daemon.pid);
  daemon.program.signal("SIGTERM");
  await killed(checked!);
  daemon.program.signal("SIGCONT");
  const { code, errors } = await daemon.program.end();
  assertEquals(code, 0, errors);
  assert(!errors.includes("abandoned"), errors);
});

/** How likely the kernel ends a process if memory is short. */
async function scoreOf(pid: number): Promise<number> {
  return Number(await Deno.readTextFile(`/proc/${pid}/oom_score_adj`));
}

Deno.test("a version that is checked has no descriptor of the daemon, and the kernel ends it first if memory is short", async () => {
  await using daemon = await CopiedDaemon.start();
  using session = await daemon.session();
  using _web = await session.bind("127.0.0.1", 0);
  const gate = daemon.scratch.join("gate");
  await daemon.source.prepend(waitingFor(gate));
  daemon.program.signal("SIGUSR1");
  const [checked] = await daemon.hasChildren(1);
  // The score is set when the child has executed the program.
  await eventually(
    "the score of the child",
    async () => await scoreOf(checked!) === 1000,
  );
  const inside = [...(await descriptorsOf(checked!)).values()];
  const held = new Set((await descriptorsOf(daemon.pid)).values());
  const pipes = inside.filter((each) => each.startsWith("pipe:"));
  assert(pipes.length >= 3, inside.join(", "));
  const shared = inside.filter((each) =>
    each.startsWith("socket:") && held.has(each)
  );
  assertEquals(shared, []);
  await Deno.writeTextFile(gate, "");
  await daemon.listening();
  assertEquals(await scoreOf(daemon.pid), await scoreOf(Deno.pid));
});

Deno.test("a version that is deployed during a check is checked too", async () => {
  await using daemon = await CopiedDaemon.start();
  const gate = daemon.scratch.join("gate");
  await daemon.source.prepend(waitingFor(gate));
  daemon.program.signal("SIGUSR1");
  await daemon.hasChildren(1);
  await daemon.source.prepend("this is no program");
  daemon.program.signal("SIGUSR1");
  await using load = new BindLoad(daemon.sock, 2);
  await load.times(2);
  await load.stop();
  await Deno.writeTextFile(gate, "");
  await daemon.program.errors.next("upgrade abandoned");
  assertEquals((await daemon.status()).generation, 1);
  assertEquals((await daemon.stop()).code, 0);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} during a check stops the daemon with exit code 0, and the check`, async () => {
    await using daemon = await CopiedDaemon.start();
    await daemon.source.prepend(waitingFor(daemon.scratch.join("gate")));
    daemon.program.signal("SIGUSR1");
    const [checked] = await daemon.hasChildren(1);
    daemon.program.signal(signal);
    const { code, errors } = await daemon.program.end();
    assertEquals(code, 0, errors);
    assert(!errors.includes("abandoned"), errors);
    // It is killed; process 1 may not have reaped it yet.
    await eventually(
      "the end of the check",
      () => hasEnded(checked!),
    );
  });
}

Deno.test("the single permission is enough: a daemon that re-executes itself logs no warning", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
  });
  await daemon.reexec();
  const { errors } = await daemon.stop();
  assertEquals(errors, "");
});
