import { assertEquals, assertMatch } from "@std/assert";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { CopiedDaemon } from "../support/upgrade/copied_daemon.ts";

const WITHOUT_NO_COLOR = ["env", "--unset=NO_COLOR"];

Deno.test("an uncaught error of the daemon is in its log without colours", async () => {
  await using daemon = await CopiedDaemon.start({
    under: WITHOUT_NO_COLOR,
    change: (source) =>
      source.edit(
        "server/command_line.ts",
        "  await daemon.run();",
        '  setTimeout(() => { throw new Error("a defect"); });\n  await daemon.run();',
      ),
  });
  const { code, errors } = await daemon.program.end();
  assertEquals(code, 1);
  assertMatch(errors, /^error: Uncaught .*Error: a defect$/m);
  assertEquals(errors.includes("\x1b"), false, errors);
});

const SHOW = [
  "sh",
  "-c",
  'echo "${NO_COLOR-unset}$MULTIBINDER_SIGNALS_BLOCKED"',
];

Deno.test("run sets NO_COLOR for itself and not for COMMAND", async () => {
  await using daemon = await Daemon.start();
  const args = ["run", "--restart=never", "127.0.0.1:0", "--", ...SHOW];
  const { output } = await runClient(daemon, args, { under: WITHOUT_NO_COLOR });
  assertEquals(output, "unset");
});

Deno.test("a NO_COLOR that is set reaches COMMAND unchanged", async () => {
  await using daemon = await Daemon.start();
  for (const value of ["1", ""]) {
    const args = ["run", "--restart=never", "127.0.0.1:0", "--", ...SHOW];
    const { output } = await runClient(daemon, args, {
      env: { NO_COLOR: value },
    });
    assertEquals(output, value);
  }
});
