import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { assertRefused } from "../support/control_socket/start_failure.ts";
import { Daemon } from "../support/daemon.ts";
import { Scratch } from "../support/tree.ts";

const BAD: [what: string, text: string | undefined, says: string][] = [
  ["that is not JSON", '{\n"rules": [\n', ":3:1: invalid JSON: expected ]"],
  ["that is empty", "", ":1:1: invalid JSON: expected a value"],
  [
    "without rules",
    "\n{}",
    ':2:1: invalid policy: expected { "rules": [...] }',
  ],
  [
    "with an unknown key",
    '{ "rules": [\n{"x": 1}] }',
    ':2:2: unknown key "x" of a rule',
  ],
  [
    "that names an unknown user",
    '{ "rules": [{\n\n"user": "no-such-user" }] }',
    ':3:9: user "no-such-user" does not exist',
  ],
  [
    "that names an unknown group",
    '{ "rules": [{\n"group": ["no-such-group"] }] }',
    ':2:11: group "no-such-group" does not exist',
  ],
  [
    "with an invalid pattern",
    '{ "rules": [{\n"addresses": [\n"*:80", "80"] }] }',
    ':3:9: invalid address pattern "80"',
  ],
  ["that is missing", undefined, ": No such file or directory"],
];

for (const [what, text, says] of BAD) {
  Deno.test(`a daemon with a policy ${what} exits with an error of one line`, async () => {
    await using scratch = await Scratch.make();
    const policy = scratch.join("policy.jsonc");
    if (text !== undefined) await Deno.writeTextFile(policy, text);
    const sock = scratch.join("control.sock");
    const reason = await assertRefused(sock, { args: ["--policy", policy] });
    assertStringIncludes(reason, policy);
    assertStringIncludes(reason, says);
    await assertRejects(() => Deno.lstat(sock), Deno.errors.NotFound);
  });
}

Deno.test("a daemon whose policy is a directory exits with an error that names it", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const reason = await assertRefused(sock, {
    args: ["--policy", scratch.path],
  });
  assertStringIncludes(reason, "Is a directory");
  assertStringIncludes(reason, scratch.path);
});

Deno.test("a daemon with an invalid policy does not take over", async () => {
  await using scratch = await Scratch.make();
  await using old = await Daemon.start();
  const { sock } = old;
  using before = await bind("127.0.0.1", 0, { sock });
  const policy = scratch.join("policy.jsonc");
  await Deno.writeTextFile(policy, "{");
  const args = ["--takeover", "--policy", policy];
  assertStringIncludes(await assertRefused(sock, { args }), `${policy}:1:2: `);
  using after = await bind("127.0.0.1", 0, { sock });
  assertEquals(after.addr, before.addr);
  assertEquals((await old.status()).pid, old.pid);
});

Deno.test("--policy without a file is a usage error", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const started = Daemon.start({ sock, args: ["--policy="] });
  const error = await assertRejects(() => started, Error);
  assertStringIncludes(error.message, "the value of --policy is missing");
  await assertRejects(() => Deno.lstat(sock), Deno.errors.NotFound);
});
