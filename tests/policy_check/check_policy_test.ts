import { assertEquals, assertMatch } from "@std/assert";
import { readJson } from "../../server/policy/located_json.ts";
import { MINIMAL_FLAGS } from "../support/daemon.ts";
import { cannotBecomeOthers } from "../support/policy/other_user.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

const POLICY = `{
  "rules": [
    { "name": "ssh", "addresses": ["*:22"], "decision": "deny" },
    { "name": "web", "group": 1600, "addresses": ["*:80", "unix:@web"] },
    { "user": "root", "options": "*" },
      { "name": "all", "methods": ["list"] },
  ],
}
`;

/** Runs `--check-policy` on a file with that text. */
async function check(text: string, ...args: string[]) {
  await using scratch = await Scratch.make();
  const path = scratch.join("policy.jsonc");
  await Deno.writeTextFile(path, text);
  const { code, output, errors } = await run("--check-policy", path, ...args);
  const without = (lines: string) => lines.replaceAll(path, "POLICY").trimEnd();
  return { code, output: without(output), errors: without(errors) };
}

/** Starts the daemon's command line with the permission for libc only. */
async function run(...args: string[]) {
  await using program = Program.start(Deno.execPath(), {
    args: ["run", ...MINIMAL_FLAGS, treePath("server.ts"), ...args],
  });
  return await program.end();
}

Deno.test("--check-policy prints one line about a valid policy", async () => {
  assertEquals(await check(POLICY), {
    code: 0,
    output: "POLICY: 4 rules, no errors",
    errors: "",
  });
});

Deno.test("--check-policy prints each error with its line and column, in the order of the file", async () => {
  const { code, output, errors } = await check(`{
  "rules": [
    { "name": "", "usr": 1, "user": ["root", "no-such-user"] },
    { "addresses": ["*:80", "localhost:1"], "options": ["x", "mode", 1] },
    { "methods": "bind", "decision": "ask", "decision": "deny" }, 7,
  ],
  "x": 1
}`);
  assertEquals({ code, output }, { code: 1, output: "" });
  assertEquals(errors.split("\n").map((line) => line.split(", ")[0]), [
    "POLICY:3:15: invalid name: it is empty",
    'POLICY:3:19: unknown key "usr" of a rule: expected name',
    'POLICY:3:46: user "no-such-user" does not exist',
    'POLICY:4:29: invalid host "localhost": expected a numeric address',
    'POLICY:4:57: unknown option "x"',
    "POLICY:4:70: invalid options: expected text in quotes",
    "POLICY:5:18: invalid methods: expected an array",
    'POLICY:5:45: duplicate key "decision"',
    "POLICY:5:67: invalid rule: expected an object",
    'POLICY:7:3: unknown key "x" of a policy: expected rules',
  ]);
});

Deno.test("--check-policy prints the place of an error of JSON", async () => {
  const { code, errors } = await check('{\n  "rules": [\n    {} {}\n]}');
  assertEquals({ code, errors }, {
    code: 1,
    errors: "POLICY:3:8: invalid JSON: expected a comma or ]",
  });
});

Deno.test("a column counts characters, not bytes or UTF-16 units", () => {
  const root = readJson('{ "ä𝄞": 1 }');
  const value = root.type === "object" ? root.members[0]!.value : root;
  assertEquals(value.place, { line: 1, column: 9 });
});

Deno.test("a start with an invalid policy names its first error and the number of others", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("policy.jsonc");
  await Deno.writeTextFile(path, '{"rules": [{"x": 1}, {"y": 1}, 2]}');
  const { code, errors } = await run("--policy", path, scratch.join("sock"));
  assertEquals(code, 1);
  assertMatch(errors, /policy\.jsonc:1:13: unknown key "x" .* \(and 2 more: /);
});

const DECISIONS: [
  what: string,
  args: string[],
  code: number,
  output: string,
][] = [
  [
    "a member of a group",
    ["--as", "1500:1600", "bind", "0.0.0.0:80", "backlog=9"],
    0,
    "allowed: bind of 0.0.0.0:80 for uid 1500, gid 1600, groups 1600, by rule 2 (web) at POLICY:4:5",
  ],
  [
    "an option that the rule does not name",
    ["--as", "1500:1600", "bind", "0.0.0.0:80", "reuse_port=true"],
    1,
    "denied: bind of 0.0.0.0:80 for uid 1500, gid 1600, groups 1600, by no rule",
  ],
  [
    "a rule that denies",
    ["--as", "1500:1600", "bind", "127.0.0.1:22"],
    1,
    "denied: bind of 127.0.0.1:22 for uid 1500, gid 1600, groups 1600, by rule 1 (ssh) at POLICY:3:5",
  ],
  [
    "an abstract name",
    ["--as", "1500:1600", "release", "unix:@web"],
    0,
    "allowed: release of unix:@web for uid 1500, gid 1600, groups 1600, by rule 2 (web) at POLICY:4:5",
  ],
  [
    "the dual-stack address",
    ["--as", "1500:1600", "bind", ":80"],
    0,
    "allowed: bind of :80 for uid 1500, gid 1600, groups 1600, by rule 2 (web) at POLICY:4:5",
  ],
  [
    "a method without an address",
    ["--as", "1500:1700", "list"],
    0,
    "allowed: list for uid 1500, gid 1700, groups 1700, by rule 4 (all) at POLICY:6:7",
  ],
];

for (const [what, args, code, output] of DECISIONS) {
  Deno.test(`--as prints the decision and the rule for ${what}`, async () => {
    assertEquals(await check(POLICY, ...args), { code, output, errors: "" });
  });
}

Deno.test("--as decides about every address of a name", async () => {
  const deny = `{"rules": [
    { "addresses": ["127.0.0.1:*"] }, { "addresses": ["[::1]:*"] },
  ]}`;
  const args = ["--as", "1500:1600", "bind", "localhost:80"];
  const { code, output } = await check(deny, ...args);
  assertEquals(code, 0);
  assertMatch(output, /^allowed: bind of 127\.0\.0\.1:80 .* by rule 1 at/);
});

Deno.test("--as uses all groups of the account, as SO_PEERGROUPS reports them", async () => {
  const named = await new Deno.Command("id", { args: ["-G", "root"] }).output();
  const groups = new TextDecoder().decode(named.stdout).trim().split(" ");
  const text = `{"rules": [{ "group": ${groups.at(-1)} }]}`;
  const { code, output } = await check(text, "--as", "root", "status");
  assertEquals(code, 0);
  const shown = /groups ([\d ]+)\)/.exec(output)?.[1]?.split(" ");
  assertEquals(shown?.toSorted(), groups.toSorted());
});

Deno.test("--as resolves the links of a path", async () => {
  await using scratch = await Scratch.make();
  await Deno.mkdir(scratch.join("real"));
  await Deno.symlink(scratch.join("real"), scratch.join("link"));
  const text = JSON.stringify({
    rules: [{ addresses: [`unix:${scratch.join("real")}/**`] }],
  });
  const bind = (path: string) =>
    check(text, "--as", "root", "bind", `unix:${scratch.join(path)}`);
  const linked = await bind("link/x");
  assertEquals({ code: linked.code, errors: linked.errors }, {
    code: 0,
    errors: "",
  });
  assertMatch(linked.output, /link\/x \(unix:\/.*\/real\/x\)/);
});

Deno.test("--as says why the user cannot use a path, and which rule decides", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using scratch = await Scratch.make();
  await Deno.chmod(scratch.join("."), 0o700);
  const { code, output, errors } = await check(
    '{"rules": [{}]}',
    ...["--as", "1500:1600", "bind", `unix:${scratch.join("x")}`],
  );
  assertEquals(code, 0);
  assertMatch(output, /^allowed: .* by rule 1 at POLICY:1:12$/);
  assertMatch(errors, /^this path cannot be used: .*EACCES/);
});

const USAGE: [args: string[], message: string][] = [
  [["--as", "root", "list"], "--as needs --check-policy FILE"],
  [["--check-policy", "p", "/run/x"], "unexpected argument /run/x"],
  [["--check-policy", "p", "--mode", "0600"], "--mode does not apply"],
  [["--check-policy", "p", "bind", ":80"], "bind: name the user that asks"],
  [["--check-policy", "p", "--as", "root"], "--as: the method is missing"],
  [["--check-policy", "p", "--as", "a:b:c", "list"], "invalid --as a:b:c"],
  [["--check-policy", "p", "--as", "root", "bnd"], "did you mean bind?"],
  [["--check-policy", "p", "--as", "root", "bind"], "the address of bind is"],
  [["--check-policy", "p", "--as", "root", "list", ":80"], "takes no address"],
  [["--check-policy", "p", "--as", "root", "bind", "80"], 'address "80"'],
];

for (const [args, message] of USAGE) {
  Deno.test(`${args.join(" ")} is a usage error`, async () => {
    const { code, errors, output } = await run(...args);
    assertEquals({ code, output }, { code: 2, output: "" });
    const [line = "", hint, ...rest] = errors.split("\n");
    assertEquals(line.includes(message), true, line);
    assertEquals([hint, rest], ['see "multibinder-server --help"', []]);
  });
}

const USAGE_OF_REQUEST: [args: string[], message: string][] = [
  [["--as", "no-such-user", "list"], "--as: user no-such-user does not exist"],
  [
    ["--as", "root:no-such-group", "list"],
    "group no-such-group does not exist",
  ],
  [["--as", "4000000000", "list"], "write --as 4000000000:GROUP"],
  [["--as", "root", "bind", ":80", "bcklog=1"], "did you mean backlog?"],
  [["--as", "root", "bind", ":80", "backlog"], "expected backlog=VALUE"],
  [["--as", "root", "bind", ":80", "backlog=x"], "backlog: expected a whole"],
  [["--as", "root", "bind", ":80", "mode=0660"], "option mode is for unix"],
];

for (const [args, message] of USAGE_OF_REQUEST) {
  Deno.test(`${args.join(" ")} is a usage error with a valid policy`, async () => {
    const { code, errors, output } = await check(POLICY, ...args);
    assertEquals({ code, output }, { code: 2, output: "" });
    assertEquals(errors.includes(message), true, errors);
  });
}
