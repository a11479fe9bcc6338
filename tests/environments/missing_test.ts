import { assertEquals, assertMatch } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { assertExecAndRunWork } from "../support/environments/commands.ts";
import { assertReexecutes } from "../support/environments/daemon.ts";
import { HeldSockets } from "../support/environments/held_sockets.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import {
  asUnprivileged,
  OpenScratch,
  unprivileged,
} from "../support/unprivileged.ts";

/** Hides /proc. Needs root. */
const WITHOUT_PROC = [
  "unshare",
  "--mount",
  "sh",
  "-c",
  'mount -t tmpfs none /proc && exec "$@"',
  "sh",
];

const asRoot = { ignore: Deno.uid() !== 0 || await lacks("unshare") };

Deno.test(
  "where /proc is not mounted, a daemon re-executes and keeps everything",
  asRoot,
  async () => {
    await using daemon = await Daemon.start({ under: WITHOUT_PROC });
    await assertReexecutes(daemon);
    // A client that has disconnected is noticed late.
    await eventually("the number of open descriptors", async () => {
      const { open } = (await daemon.status()).descriptors;
      const listed = Array.from(Deno.readDirSync(`/proc/${daemon.pid}/fd`));
      return open > 3 && Math.abs(open - listed.length) <= 1;
    });
    assertEquals((await daemon.stop()).code, 0);
  },
);

Deno.test("where /proc is not mounted, exec and run work", asRoot, async () => {
  await using daemon = await Daemon.start();
  const options = { under: WITHOUT_PROC, env: { MARK: "passed on" } };
  await assertExecAndRunWork(daemon, ["env"], options);
});

for (
  const [what, env] of [
    ["a cache that cannot be written", { DENO_DIR: "/proc/no-cache" }],
    ["no home and no cache", {}],
  ] as const
) {
  Deno.test(
    `a daemon with ${what} re-executes and keeps everything`,
    { ignore: await lacks("setpriv") },
    async () => {
      await using scratch = await OpenScratch.make();
      await Deno.mkdir(scratch.join("socket"));
      await Deno.chmod(scratch.join("socket"), 0o777);
      const { under, deno } = await asUnprivileged(scratch);
      await using daemon = await Daemon.start({
        deno,
        env,
        under: [...under, "env", "--unset=HOME"],
        sock: scratch.join("socket/control"),
      });
      await assertReexecutes(daemon);
      assertEquals((await daemon.stop()).code, 0);
    },
  );
}

Deno.test("a daemon that is started with SIGCHLD ignored re-executes", async () => {
  await using daemon = await Daemon.start({
    under: ["env", "--ignore-signal=CHLD"],
  });
  await assertReexecutes(daemon);
});

Deno.test(
  "a daemon that may start no process abandons upgrades and says why",
  { ignore: Deno.uid() !== 0 || await lacks("setpriv", "prlimit") },
  async () => {
    await using scratch = await OpenScratch.make();
    await Deno.mkdir(scratch.join("socket"));
    await Deno.chmod(scratch.join("socket"), 0o777);
    await using daemon = await Daemon.start({
      ...await asUnprivileged(scratch),
      sock: scratch.join("socket/control"),
    });
    using held = await HeldSockets.of(daemon);
    const limitProcesses = async (soft: string) => {
      const [command = "prlimit", ...args] = [
        ...[...unprivileged, "prlimit"],
        ...[`--pid=${daemon.pid}`, `--nproc=${soft}:`],
      ];
      const { success } = await new Deno.Command(command, { args }).output();
      assertEquals(success, true);
    };
    await limitProcesses("0");
    daemon.program.signal("SIGUSR1");
    const line = await daemon.program.errors.next("upgrade abandoned");
    assertMatch(line, /cannot be started: posix_spawn .*EAGAIN/);
    await held.assertKept();
    await limitProcesses("10000");
    await daemon.reexec();
    await held.assertKept();
  },
);
