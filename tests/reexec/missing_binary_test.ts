import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client.ts";
import { daemonCommand } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch {
    await Deno.copyFile(from, to);
  }
}

/** For each descriptor: whether it is close-on-exec (proc_pid_fdinfo(5)). */
async function closeOnExec(pid: number): Promise<Map<string, boolean>> {
  const found = new Map<string, boolean>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/fdinfo`)) {
    const info = await Deno.readTextFile(`/proc/${pid}/fdinfo/${name}`);
    const flags = parseInt(/^flags:\s*(\d+)$/m.exec(info)![1]!, 8);
    found.set(name, (flags & 0o2000000) !== 0);
  }
  return found;
}

Deno.test("the old generation keeps serving if the new program cannot be executed", async () => {
  await using scratch = await Scratch.make();
  const deno = scratch.join("deno");
  const sock = scratch.join("control.sock");
  const installed = await Deno.realPath(Deno.execPath());
  await linkOrCopy(installed, deno);
  await using program = Program.start(deno, {
    args: daemonCommand(sock).slice(1),
  });
  const listening = `Listening for binds on control socket: ${sock}`;
  await program.output.next(listening);
  using session = await connect({ sock });
  using before = await session.bind("127.0.0.1", 0);
  const flags = await closeOnExec(program.pid);

  await Deno.remove(deno);
  program.signal("SIGUSR1");
  await program.output.next("Respawning...");
  const reason = await program.errors.next("upgrade abandoned");
  assert(reason.includes("ENOENT") && reason.includes(deno), reason);
  using during = await session.bind("127.0.0.1", 0);
  assertEquals(during.addr, before.addr);
  assertEquals((await session.status()).generation, 1);
  assertEquals(await closeOnExec(program.pid), flags);

  await linkOrCopy(installed, deno);
  program.signal("SIGUSR1");
  await program.output.next(listening);
  using after = await session.bind("127.0.0.1", 0);
  assertEquals(after.addr, before.addr);
  assertEquals((await session.status()).generation, 2);
  program.signal("SIGTERM");
  assertEquals((await program.end()).code, 0);
});
