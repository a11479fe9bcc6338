import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";
import { startDaemon } from "../support/control_socket/start_failure.ts";

const asRoot = { ignore: Deno.uid() !== 0 };
const WARNING = "root daemon without a policy";

async function daemonGroup(): Promise<number> {
  const { stdout } = await new Deno.Command("getent", {
    args: ["group", "daemon"],
  }).output();
  return Number(new TextDecoder().decode(stdout).split(":")[2]);
}

Deno.test(
  "--group with a number sets the group of the control socket and mode 0660",
  asRoot,
  async () => {
    await using daemon = await Daemon.start({ args: ["--group", "12345"] });
    const { uid, gid, mode } = await Deno.lstat(daemon.sock);
    assertEquals([uid, gid, mode! & 0o7777], [0, 12345, 0o660]);
  },
);

Deno.test("--group with a name sets the group of the control socket", {
  ignore: asRoot.ignore || await lacks("getent"),
}, async () => {
  await using daemon = await Daemon.start({ args: ["--group", "daemon"] });
  const { gid, mode } = await Deno.lstat(daemon.sock);
  assertEquals([gid, mode! & 0o7777], [await daemonGroup(), 0o660]);
});

Deno.test("--mode overrides the mode of --group", asRoot, async () => {
  const args = ["--group=12345", "--mode=0620"];
  await using daemon = await Daemon.start({ args });
  const { gid, mode } = await Deno.lstat(daemon.sock);
  assertEquals([gid, mode! & 0o7777], [12345, 0o620]);
});

Deno.test(
  "--group and its mode survive a re-exec and a takeover",
  asRoot,
  async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    const args = ["--group", "12345"];
    await using old = await Daemon.start({ sock, args });
    const { ino } = await Deno.lstat(sock);
    await old.reexec();
    assertEquals((await Deno.lstat(sock)).ino, ino);
    await using _daemon = await Daemon.start({
      sock,
      args: ["--takeover", "--group", "23456"],
    });
    const { gid, mode } = await Deno.lstat(sock);
    assertEquals([gid, mode! & 0o7777], [23456, 0o660]);
    assert((await Deno.lstat(sock)).ino !== ino);
  },
);

for (
  const group of [
    "no-such-group",
    "",
    "-1",
    "1.5",
    "4294967295",
    "4294967296",
    "99999999999999999999",
  ]
) {
  Deno.test(`--group=${group} exits with code 2 and names the option`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    const args = [`--group=${group}`];
    const { code, output, errors } = await startDaemon(sock, { args });
    assertEquals({ code, output }, { code: 2, output: "" });
    assertStringIncludes(errors.split("\n")[0]!, "--group");
    assertEquals([...Deno.readDirSync(scratch.path)], []);
  });
}

for (
  const [args, warns] of [
    [[], false],
    [["--mode", "0600"], false],
    [["--mode", "0660"], true],
    [["--mode", "0604"], true],
    [["--group", "12345"], true],
    [["--group", "12345", "--mode", "0600"], false],
  ] as [string[], boolean][]
) {
  const what = warns ? "warns" : "does not warn";
  Deno.test(
    `a root daemon without a policy ${what}: ${args.join(" ")}`,
    asRoot,
    async () => {
      await using daemon = await Daemon.start({ args });
      const { errors } = await daemon.stop();
      assertEquals(errors.includes(WARNING), warns, errors);
      if (!warns) return;
      const line = errors.split("\n").find((each) => each.includes(WARNING));
      assertStringIncludes(line!, "WARN");
      assertStringIncludes(line!, "--policy");
    },
  );
}

Deno.test("a re-exec does not repeat the warning", asRoot, async () => {
  await using daemon = await Daemon.start({ args: ["--mode", "0660"] });
  await daemon.reexec();
  const { errors } = await daemon.stop();
  assertEquals(errors.split(WARNING).length, 2);
});
