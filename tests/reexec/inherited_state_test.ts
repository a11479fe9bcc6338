import { assertEquals, assertStringIncludes } from "@std/assert";
import { Daemon, daemonCommand } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

const FOREIGN = ["1:5", "1", "", "nonsense", "999999999:3"];

for (const value of FOREIGN) {
  Deno.test(`MULTIBINDER_STATE=${value} of another process is ignored`, async () => {
    await using daemon = await Daemon.start({
      env: { MULTIBINDER_STATE: value },
    });
    assertEquals((await daemon.status()).generation, 1);
    await daemon.reexec();
    assertEquals((await daemon.status()).generation, 2);
  });
}

/** Starts a daemon with a MULTIBINDER_STATE of its PID and descriptor 9. */
async function startWithState(content: string) {
  await using scratch = await Scratch.make();
  const state = scratch.join("state");
  await Deno.writeTextFile(state, content);
  const script = 'exec 9<"$1"; shift; MULTIBINDER_STATE=$$:9 exec "$@"';
  await using program = Program.start("sh", {
    args: ["-c", script, "sh", state, ...daemonCommand(scratch.join("s"))],
  });
  return await program.end();
}

const UNREADABLE = [
  { what: "not JSON", content: "{", says: "invalid state: not JSON" },
  {
    what: "of another format",
    content: '{"format":3}',
    says: "format 3, expected format 1 or 2",
  },
  { what: "empty", content: "", says: "invalid state: not JSON" },
];

for (const { what, content, says } of UNREADABLE) {
  Deno.test(`a daemon with a state that is ${what} exits with an error of one line`, async () => {
    const { code, output, errors } = await startWithState(content);
    assertEquals({ code, output }, { code: 1, output: "" });
    assertStringIncludes(errors, says);
    assertEquals(errors.trimEnd().split("\n").length, 1);
  });
}
