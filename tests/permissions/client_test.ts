import { assertEquals, assertStringIncludes } from "@std/assert";
import { abi } from "../../ffi/libc/abi.ts";
import { Daemon, MINIMAL_FLAGS } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";

async function bindUnder(
  flags: readonly string[],
  sock: string,
): Promise<Record<string, unknown>> {
  await using program = Program.start(Deno.execPath(), {
    args: ["run", ...flags, treePath("tests/support/client/bind_program.ts")],
    env: { MULTIBINDER_SOCK: sock },
  });
  const { code, output, errors } = await program.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
  return JSON.parse(output);
}

const GRANTS: [what: string, flags: readonly string[]][] = [
  ["the C library and nothing else", MINIMAL_FLAGS],
  ["all of FFI", ["--no-prompt", "--allow-ffi"]],
  ["everything", ["-A"]],
  ["the C library and no environment", [...MINIMAL_FLAGS, "--deny-env"]],
];

for (const [what, flags] of GRANTS) {
  Deno.test(`a client with MULTIBINDER_SOCK binds with permission for ${what}`, async () => {
    await using daemon = await Daemon.start();
    const { addr, ...wrong } = await bindUnder(flags, daemon.sock);
    assertEquals(wrong, {});
    assertEquals((addr as Deno.NetAddr).hostname, "127.0.0.1");
    assertEquals((await daemon.status()).binds, 1);
  });
}

Deno.test("a client without permissions gets an error that names the flag", async () => {
  const { name, message } = await bindUnder(["--no-prompt"], "/nowhere");
  assertEquals(name, "MissingPermissionError");
  assertStringIncludes(String(message), `--allow-ffi=${abi.libc[0]}`);
});
