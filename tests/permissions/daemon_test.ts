import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { assertRefused } from "../support/control_socket/start_failure.ts";
import { Daemon, MINIMAL_FLAGS } from "../support/daemon.ts";
import { Scratch } from "../support/tree.ts";

async function isInstalled(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const GRANTS: [what: string, flags: readonly string[]][] = [
  ["the C library and nothing else", MINIMAL_FLAGS],
  ["all of FFI", ["--no-prompt", "--allow-ffi"]],
  ["everything", ["-A"]],
  ["the permission set of deno.json", ["--no-prompt", "-P=daemon"]],
];
for (const path of abi.libc) {
  if (!await isInstalled(path)) continue;
  GRANTS.push([path, ["--no-prompt", `--allow-ffi=${path}`]]);
}
const all = abi.libc.join(",");
GRANTS.push(["every candidate", ["--no-prompt", `--allow-ffi=${all}`]]);

for (const [what, permissions] of GRANTS) {
  Deno.test(`the daemon binds and re-executes with permission for ${what}`, async () => {
    await using daemon = await Daemon.start({ permissions });
    const { sock } = daemon;
    using before = await bind("127.0.0.1", 0, { sock });
    await daemon.reexec();
    using after = await bind("127.0.0.1", 0, { sock });
    assertEquals(after.addr, before.addr);
    const { generation, descriptors } = await daemon.status();
    assertEquals(generation, 2);
    assert(descriptors.open > 0);
    assertEquals((await daemon.stop()).code, 0);
  });
}

const TOO_LITTLE: [what: string, flags: string[]][] = [
  ["nothing", ["--no-prompt"]],
  ["another library", ["--no-prompt", "--allow-ffi=/lib/libnothing.so"]],
  ["files, network and environment", [
    "--no-prompt",
    "--allow-read",
    "--allow-write",
    "--allow-net",
    "--allow-env",
  ]],
  ["everything but FFI", ["--no-prompt", "-A", "--deny-ffi"]],
];

for (const [what, permissions] of TOO_LITTLE) {
  Deno.test(`the error of a daemon with permission for ${what} names the missing flag`, async () => {
    await using scratch = await Scratch.make();
    const reason = await assertRefused(scratch.join("s"), { permissions });
    assertStringIncludes(reason, `--allow-ffi=${abi.libc[0]}`);
  });
}
