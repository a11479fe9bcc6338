import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { descriptorsOf } from "../support/process_state.ts";
import { Scratch } from "../support/tree.ts";

async function commandLineOf(pid: number): Promise<string[]> {
  return (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0");
}

Deno.test("SIGUSR1 keeps the process, the binds and the control socket", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using before = await bind("127.0.0.1", 0, { sock });
  const inode = (await Deno.lstat(sock)).ino;
  await daemon.reexec();
  using after = await bind("127.0.0.1", 0, { sock });
  assertEquals(after.addr, before.addr);
  const status = await daemon.status();
  assertEquals(status.generation, 2);
  assertEquals(status.pid, daemon.pid);
  assertEquals(status.binds, 1);
  assertEquals((await Deno.lstat(sock)).ino, inode);
  const { code, signal } = await daemon.stop();
  assertEquals({ code, signal }, { code: 0, signal: null });
});

Deno.test("a re-exec prints Respawning..., then that it listens", async () => {
  await using daemon = await Daemon.start();
  await daemon.reexec();
  const { output } = await daemon.stop();
  const listening = `Listening for binds on control socket: ${daemon.sock}`;
  assertEquals(output, [listening, "Respawning...", listening].join("\n"));
});

Deno.test("a bind is the same socket in every process and generation", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using before = await bind("127.0.0.1", 0, { sock });
  await daemon.reexec();
  using after = await bind("127.0.0.1", 0, { sock });
  const ours = await descriptorsOf(Deno.pid);
  const theirs = await descriptorsOf(daemon.pid);
  const inode = ours.get(before.fd);
  assert(inode !== undefined && inode.startsWith("socket:"));
  assertEquals(ours.get(after.fd), inode);
  assert([...theirs.values()].includes(inode));
});

Deno.test("the time of the first start and the counters of binds survive a re-exec", async () => {
  await using daemon = await Daemon.start();
  (await bind("127.0.0.1", 0, { sock: daemon.sock })).close();
  const before = await daemon.status();
  assertEquals(before.generation, 1);
  for (const generation of [2, 3]) {
    await daemon.reexec();
    const after = await daemon.status();
    assertEquals(after.generation, generation);
    assertEquals(after.started_at, before.started_at);
    assertNotEquals(
      after.generation_started_at,
      before.generation_started_at,
    );
    assertEquals(after.binds, 1);
    assertEquals(after.control_socket, daemon.sock);
  }
});

const UNUSUAL = ["two words.sock", 'it\'s "quoted" $HOME.sock', "日本 ü.sock"];

for (const name of UNUSUAL) {
  Deno.test(`the command line is the same after a re-exec: ${name}`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join(name);
    const args = ["--log-format", "json", "--mode=0600"];
    await using daemon = await Daemon.start({ sock, args });
    const before = await commandLineOf(daemon.pid);
    await daemon.reexec();
    assertEquals(await commandLineOf(daemon.pid), before);
    (await bind("127.0.0.1", 0, { sock })).close();
    const { errors } = await daemon.stop();
    const lines = errors.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.slice(-2).map(({ message }) => message), [
      "bind granted",
      "daemon stops",
    ]);
  });
}

Deno.test("the environment is the same after a re-exec, without MULTIBINDER_STATE", async () => {
  const env = { MULTIBINDER_TEST: "a=b c" };
  await using daemon = await Daemon.start({ env });
  await daemon.reexec();
  await daemon.reexec();
  const environment = await Deno.readTextFile(`/proc/${daemon.pid}/environ`);
  const entries = environment.split("\0");
  assert(entries.includes("MULTIBINDER_TEST=a=b c"));
  const notes = entries.filter((each) => each.startsWith("MULTIBINDER_STATE="));
  assertEquals(notes.length, 1);
  assertStringIncludes(notes[0]!, `=${daemon.pid}:`);
});
