import { assert, assertEquals, assertThrows } from "@std/assert";
import { OsError } from "../../ffi/libc/errno.ts";
import { PolicyError } from "../../server/policy/policy.ts";
import { parsePolicy, readPolicy } from "../../server/policy/policy_file.ts";
import { Scratch } from "../support/tree.ts";
import { mayBind, SOMEBODY } from "../support/policy/asking.ts";

const EXAMPLE = `// Who may bind what.
{
  "rules": [
    /* Nobody takes the place of sshd. */
    { "name": "ssh", "addresses": ["*:22"], "decision": "deny" },
    {
      "name": "web",
      "group": 1600,
      "addresses": ["*:80", "unix:/nowhere/*.sock",],
    },
    { "methods": ["status"] },
  ],
}
`;

Deno.test("comments and trailing commas are as in JSONC", () => {
  const policy = parsePolicy(EXAMPLE, "/etc/policy.jsonc");
  assertEquals([policy.path, policy.text, policy.size], [
    "/etc/policy.jsonc",
    EXAMPLE,
    3,
  ]);
  assertEquals(mayBind(policy, "0.0.0.0:80"), true);
  assertEquals(mayBind(policy, "0.0.0.0:22"), false);
  assertEquals(
    policy.decide({ ...SOMEBODY, gid: 1 }, { method: "status" }).rule,
    "rule 3",
  );
});

Deno.test("a policy says when it was read", () => {
  const before = Date.now();
  const { loadedAt } = parsePolicy(EXAMPLE, "p");
  const at = Date.parse(loadedAt);
  assertEquals(new Date(at).toISOString(), loadedAt);
  assert(at >= before && at <= Date.now());
});

Deno.test("a policy without a rule denies all", () => {
  const policy = parsePolicy('{"rules": []}', "p");
  assertEquals(policy.size, 0);
  const decision = policy.decide(SOMEBODY, { method: "list" });
  assertEquals(decision, { allowed: false, rule: "no rule" });
});

/** The rest of a file whose first rule begins on line 3. */
const rule = (...lines: string[]) =>
  `{\n"rules": [\n{\n${lines.join("\n")}\n}\n]\n}`;

const REFUSED: [what: string, text: string, line: number, reason: string][] = [
  ["an empty file", "", 1, "no JSON: value expected"],
  ["a file of comments", "// nothing\n", 2, "no JSON: value expected"],
  ["a missing comma", '{\n"rules": [\n{}\n{}\n]}', 4, "comma or ] expected"],
  ["a missing colon", '{\n"rules" []}', 2, "colon expected"],
  ["a missing bracket", '{\n"rules": [\n', 3, "] expected"],
  ["a missing brace", '{\n"rules": []\n', 3, "comma or } expected"],
  ["a key without quotes", "{\nrules: []}", 2, "key in quotes expected"],
  ["text without its end", '{\n"rules\n": []}', 2, "text without an end"],
  ["a second value", '{"rules": []}\n{}', 2, "end of file expected"],
  ["a missing value", '{"rules":\n}', 2, "value expected"],
  ["lines that end as on other systems", '{\r\n\r\n"x": 1}', 3, 'no "x"'],
  [
    "a comment without its end",
    '{"rules": []}\n/* so',
    2,
    "comment not closed",
  ],
  ["a number that is none", '{"rules":\n01}', 2, "01 is no value"],
  ["a comma alone", '{"rules": [\n,]}', 2, "value expected"],
  ["too many brackets", "[".repeat(100_000), 1, "nested too deeply"],
  ["an array", "\n[]", 2, "a policy is an object"],
  ["no rules", "\n{}", 2, 'a policy is { "rules": [...] }'],
  ["an unknown key", '{"rules": [],\n"x": 1}', 2, 'a policy has no "x"'],
  ["rules twice", '{"rules": [],\n"rules": []}', 2, '"rules" is there twice'],
  ["rules in an object", '{"rules":\n{}}', 2, "rules is an array"],
  ["a rule that is text", '{"rules": [\n"x"]}', 2, "a rule is an object"],
  ["an unknown key of a rule", rule('"user": 1,', '"usr": 1'), 5, 'no "usr"'],
  ["a key twice", rule('"user": 1,', '"user": 2'), 5, '"user" is there twice'],
  ["an inherited key", rule('"toString": 1'), 4, 'no "toString"'],
  ["__proto__", rule('"__proto__": {}'), 4, 'no "__proto__"'],
  ["a name that is a number", rule('"name": 1'), 4, "name takes text"],
  ["an empty name", rule('"name":', '""'), 5, "name is empty"],
  [
    "an unknown user",
    rule('"user": [', '"root",', '"wwww-data"]'),
    6,
    'there is no user "wwww-data"',
  ],
  ["an unknown group", rule('"group": "nobodies"'), 4, 'no group "nobodies"'],
  ["a user with a NUL", rule('"user": "a\\u0000"'), 4, "there is no user"],
  ["a user without a name", rule('"user": ""'), 4, 'there is no user ""'],
  ["a user that is true", rule('"user": true'), 4, "user is a name, a number"],
  ["a user that is null", rule('"user": null'), 4, "user is a name, a number"],
  ["a group in a group", rule('"group": [', "[1]]"), 5, "group is a name"],
  ["no user", rule('"user": []'), 4, "user is empty"],
  ["no group", rule('"group": []'), 4, "group is empty"],
  ["a user below 0", rule('"user": -1'), 4, "user -1 is not within 0 to"],
  ["a user of a half", rule('"user": 1.5'), 4, "user 1.5 is not within"],
  ["the number of nobody", rule('"user": 4294967295'), 4, "is not within"],
  ["too long a range", rule('"user": "1-4294967295"'), 4, "is not within"],
  [
    "a range backwards",
    rule('"user": "9-1"'),
    4,
    "range 9-1 of users is empty",
  ],
  [
    "a method that is text",
    rule('"methods": "bind"'),
    4,
    "methods is an array",
  ],
  ["no method", rule('"methods": []'), 4, "methods is empty"],
  [
    "an unknown method",
    rule('"methods": ["bind",', '"unbind"]'),
    5,
    'methods takes bind, list, release, status, not "unbind"',
  ],
  ["a method by number", rule('"methods": [1]'), 4, "methods takes text"],
  ["no address", rule('"addresses": []'), 4, "addresses is empty"],
  [
    "addresses as text",
    rule('"addresses": "*:80"'),
    4,
    "addresses is an array",
  ],
  [
    "an address by number",
    rule('"addresses": [80]'),
    4,
    "addresses takes text",
  ],
  [
    "an unknown decision",
    rule('"decision": "ask"'),
    4,
    'decision takes allow, deny, not "ask"',
  ],
  [
    "a decision that is true",
    rule('"decision": true'),
    4,
    "decision takes text",
  ],
  ["an unknown option", rule('"options": ["x"]'), 4, 'there is no option "x"'],
  ["v6only", rule('"options": ["v6only"]'), 4, 'no option "v6only"'],
  ["options as text", rule('"options": "mark"'), 4, "options is an array"],
  ["no option", rule('"options": []'), 4, "options is empty"],
];

const PATTERNS: [pattern: string, reason: string][] = [
  ["", "is no pattern of addresses"],
  ["80", "is no pattern of addresses"],
  ["127.0.0.1", "is no pattern of addresses"],
  ["127.0.0.1:", "is no pattern of addresses"],
  ["::1:80", "is no pattern of addresses"],
  ["http://127.0.0.1:80", "is no pattern of addresses"],
  ["127.0.0.1:80,81", "is no pattern of addresses"],
  ["127.0.0.1:8*", "is no pattern of addresses"],
  ["127.0.0.1:-80", "is no pattern of addresses"],
  ["tcp:127.0.0.1:80", "is no pattern of addresses"],
  ["/run/web.sock", "is no pattern of addresses"],
  ["unix:", "is no pattern of addresses"],
  ["*", "is no pattern of addresses"],
  ["127.0.0.1:65536", "65536 is no port: 0 to 65535"],
  ["127.0.0.1:1-70000", "1-70000 is no port"],
  ["127.0.0.1:90-80", "the range 90-80 is empty"],
  ["127.0.0.1:0-80", "begins with port 0"],
  ["localhost:80", 'the host "localhost" is not numeric'],
  ["192.168.*:80", 'the host "192.168.*" is not numeric'],
  ["127.1:80", 'the host "127.1" is not numeric'],
  ["[fe80::1%eth0]:80", 'the host "fe80::1%eth0" is not numeric'],
  ["[*]:80", "is no pattern of addresses"],
  ["*/8:80", 'the host "*" is not numeric'],
  ["10.0.0.0/33:80", "10.0.0.0/33 is no network: /0 to /32"],
  ["10.0.0.0/:80", "10.0.0.0/ is no network"],
  ["10.0.0.0/8/8:80", "10.0.0.0/8/8 is no network"],
  ["[fd00::/129]:80", "fd00::/129 is no network: /0 to /128"],
  ["10.1.0.0/8:80", "10.1.0.0/8 has bits set beyond its first 8"],
  ["[fd00::1/64]:80", "fd00::1/64 has bits set beyond its first 64"],
  ["[::ffff:0:0/90]:80", "has bits set beyond its first 90"],
  ["unix:web.sock", "begins neither with / nor with @"],
  ["unix:*", "begins neither with / nor with @"],
  ["unix:@", "the abstract name is empty"],
  ["unix:/run/web-?.sock", "? is no wildcard here"],
  ["unix:/run/web-[12].sock", "[ is no wildcard here"],
  ["unix:@{a,b}", "{ is no wildcard here"],
  ["unix:/run/**.sock", "** stands for whole segments"],
  ["unix:/run/***", "** stands for whole segments"],
  ["unix:/run/../etc/*", "compared as it really is"],
  ["unix:/run/./web", "compared as it really is"],
  ["unix:/run//web", "compared as it really is"],
  ["unix:/run/", "compared as it really is"],
  ["unix:/", "compared as it really is"],
];
for (const [pattern, reason] of PATTERNS) {
  const text = JSON.stringify(pattern);
  const lines = rule('"addresses": [', '"127.0.0.1:80",', text, "]");
  REFUSED.push([`the pattern ${text}`, lines, 6, reason]);
}

for (const [what, text, line, reason] of REFUSED) {
  Deno.test(`${what} is refused on line ${line}`, () => {
    const path = "/etc/multibinder/policy.jsonc";
    const error = assertThrows(() => parsePolicy(text, path), PolicyError);
    assertEquals([error.path, error.line], [path, line], error.message);
    assert(error.reason.includes(reason), error.message);
    assertEquals(error.message, `${path}:${line}: ${error.reason}`);
  });
}

Deno.test("a file is read", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("policy.jsonc");
  await Deno.writeTextFile(path, "\ufeff" + EXAMPLE);
  assertEquals(readPolicy(path).text, EXAMPLE);
  assertEquals(readPolicy(path).path, path);
});

Deno.test("a file that is no UTF-8 is refused with its line", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("policy.jsonc");
  const bytes = new TextEncoder().encode(EXAMPLE);
  bytes[EXAMPLE.indexOf("sshd")] = 0xff;
  await Deno.writeFile(path, bytes);
  assertThrows(() => readPolicy(path), PolicyError, `${path}:4: invalid UTF-8`);
});

Deno.test("a file that is not there is an OsError", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("missing.jsonc");
  const error = assertThrows(() => readPolicy(path), OsError);
  assertEquals([error.code, error.syscall], ["ENOENT", "open"]);
});
