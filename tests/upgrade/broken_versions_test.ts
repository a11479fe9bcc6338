import { assert, assertEquals, assertMatch } from "@std/assert";
import { libcPath } from "../support/tree.ts";
import { residentMemory } from "../support/process_state.ts";
import { BindLoad } from "../support/upgrade/bind_load.ts";
import {
  CopiedDaemon,
  linkOrCopy,
  processesOf,
  type SourceCopy,
} from "../support/upgrade/copied_daemon.ts";
import { assertIdleKinds, idleKinds } from "../support/open_descriptors.ts";

/** A broken new version. */
interface BrokenVersion {
  kind: string;
  break(daemon: CopiedDaemon): Promise<void>;
  /** The reason in the log. */
  reason: RegExp;
}

function source(
  change: (source: SourceCopy) => Promise<void>,
): BrokenVersion["break"] {
  return (daemon) => change(daemon.source);
}

const KILLED_BY_ITSELF = `
const { symbols } = Deno.dlopen(${JSON.stringify(libcPath)}, {
  raise: { parameters: ["i32"], result: "i32" },
});
symbols.raise(9);
`;

const BROKEN: BrokenVersion[] = [
  {
    kind: "does not parse",
    break: source((source) => source.edit("server/start.ts", "{", "{ ) ")),
    reason: /exited with status 1: .*error.*start\.ts/s,
  },
  {
    kind: "misses a module",
    break: source((source) => Deno.remove(`${source.folder}/address.ts`)),
    reason: /exited with status 1: .*not found.*address\.ts/is,
  },
  {
    kind: "imports a missing export",
    break: source((source) =>
      source.edit(
        "server/start.ts",
        "import { BindTable }",
        "import { BindChair as BindTable }",
      )
    ),
    reason: /exited with status 1: .*BindChair/s,
  },
  {
    kind: "throws while it loads",
    break: source((source) => source.prepend('throw new Error("not today");')),
    reason: /exited with status 1: .*not today/s,
  },
  {
    kind: "is an empty file",
    break: source((source) => source.write("")),
    reason: /exited without reading the state/,
  },
  {
    kind: "prints something else and exits with 0",
    break: source((source) => source.write('console.log("all is well");')),
    reason: /exited without reading the state: .*all is well/s,
  },
  {
    kind: "is killed by a signal",
    break: source((source) => source.prepend(KILLED_BY_ITSELF)),
    reason: /killed by SIGKILL/,
  },
  {
    kind: "cannot read the state",
    break: source((source) =>
      source.edit(
        "server/reexec/state.ts",
        "let decoded: unknown;",
        'throw new StateError("that is from another age");',
      )
    ),
    reason: /exited with status 1: .*another age/s,
  },
  {
    kind: "does not know an option of the command line",
    break: source((source) =>
      source.edit(
        "server/options.ts",
        '"log-level",\n      "log-format"',
        '"log-format"',
      )
    ),
    reason: /exited with status 2: .*log-level/s,
  },
  {
    kind: "has no deno to run it",
    break: (daemon) => Deno.remove(daemon.deno),
    reason: /cannot be started: .*(NotFound|ENOENT)/s,
  },
  {
    kind: "has a file instead of deno that is not a program",
    break: async (daemon) => {
      await Deno.remove(daemon.deno);
      await Deno.writeTextFile(daemon.deno, "\0not a program\n");
      await Deno.chmod(daemon.deno, 0o755);
    },
    reason: /cannot be started|exited with status|without reading the state/,
  },
  {
    kind: "hangs while it loads",
    break: source((source) =>
      source.prepend("await new Promise(() => setInterval(() => {}, 1e6));")
    ),
    reason: /did not exit within \d+ ms/,
  },
];

for (const { kind, break: breakIt, reason } of BROKEN) {
  Deno.test(`an upgrade to a version that ${kind} is abandoned, and an upgrade to a repaired one succeeds`, async () => {
    await using daemon = await CopiedDaemon.start({
      args: ["--log-level", "warn"],
    });
    await using load = new BindLoad(daemon.sock, 2);
    await load.binds(10);
    const before = await daemon.status();
    await breakIt(daemon);
    const log = daemon.program.errors;
    const failed = daemon.failingUpgrade();
    await load.binds(10);
    assertMatch(`${await failed}\n${log.text.split("abandoned")[1]}`, reason);
    await load.binds(10);
    const after = await daemon.status();
    assertEquals(after.pid, before.pid);
    assertEquals(after.generation, 1);
    assertEquals(after.version, before.version);
    await daemon.hasChildren(0);

    await daemon.source.repair();
    await daemon.source.setVersion("99.0.0");
    await Deno.remove(daemon.deno).catch(() => {});
    await linkOrCopy(await Deno.realPath(Deno.execPath()), daemon.deno);
    await daemon.reexec();
    await load.binds(10);
    const repaired = await daemon.status();
    assertEquals(repaired.pid, before.pid);
    assertEquals(repaired.generation, 2);
    assertEquals(repaired.version, "99.0.0");
    await load.stop();
    assertEquals(load.sockets.size, 1);
    assertEquals((await daemon.stop()).code, 0);
  });
}

Deno.test("failed upgrades leak neither descriptors nor processes", async () => {
  await using daemon = await CopiedDaemon.start();
  await daemon.source.write("");
  await daemon.failingUpgrade();
  await daemon.hasChildren(0);
  const before = await idleKinds(daemon);
  for (let turn = 0; turn < 10; turn++) await daemon.failingUpgrade();
  await daemon.hasChildren(0);
  await assertIdleKinds(daemon, before);
});

Deno.test("an upgrade to a version that leaves a child with its output is abandoned", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
  });
  await daemon.source.write(`
new Deno.Command(${JSON.stringify(daemon.deno)}, {
  args: ["eval", "setTimeout(() => {}, 600_000)"],
}).spawn();
Deno.exit(0);
`);
  try {
    await using load = new BindLoad(daemon.sock, 2);
    await daemon.failingUpgrade();
    await load.binds(10);
    await load.stop();
    assertEquals((await daemon.status()).generation, 1);
    await daemon.source.repair();
    await daemon.reexec();
    assertEquals((await daemon.status()).generation, 2);
    assertEquals((await daemon.stop()).code, 0);
  } finally {
    const left = await processesOf(daemon.deno);
    for (const pid of left.filter((pid) => pid !== daemon.pid)) {
      Deno.kill(pid, "SIGKILL");
    }
  }
});

/** Timeout of the check in the test of a flood, in ms. */
const CHECK_TIMEOUT = 5_000;

/** About 64 MB a second, far more than a check keeps. */
const FLOOD = `
const bytes = new Uint8Array(64 * 1024).fill(0x78);
const pause = new Int32Array(new SharedArrayBuffer(4));
while (true) {
  Deno.stdout.writeSync(bytes);
  Atomics.wait(pause, 0, 0, 1);
}
`;

/** The limit for kept output and uncollected garbage. */
const KEPT_KIB = 200 * 1024;

Deno.test("an upgrade to a version that writes without end is abandoned and leaks no memory", async () => {
  await using daemon = await CopiedDaemon.start({
    args: ["--log-level", "warn"],
    change: (source) =>
      source.edit(
        "server/reexec/version_check.ts",
        "CHECK_TIMEOUT = 15_000",
        `CHECK_TIMEOUT = ${CHECK_TIMEOUT}`,
      ),
  });
  const before = await residentMemory(daemon.pid);
  await daemon.source.write(FLOOD);
  const failed = daemon.failingUpgrade();
  const most = await mostMemory(daemon.pid, failed);
  await failed;
  assertEquals((await daemon.status()).generation, 1);
  await daemon.hasChildren(0);
  const grown = most - before;
  assert(grown < KEPT_KIB, `${grown} KiB more`);
});

/** The maximum resident memory of a process until a promise is settled. */
async function mostMemory(
  pid: number,
  end: Promise<unknown>,
): Promise<number> {
  let ended = false;
  const watched = end.finally(() => ended = true).catch(() => {});
  let most = 0;
  while (!ended) {
    most = Math.max(most, await residentMemory(pid));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await watched;
  return most;
}
