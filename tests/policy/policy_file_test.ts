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

Deno.test("a policy file may have comments and trailing commas", () => {
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

Deno.test("a policy has the time when it was read", () => {
  const before = Date.now();
  const { loadedAt } = parsePolicy(EXAMPLE, "p");
  const at = Date.parse(loadedAt);
  assertEquals(new Date(at).toISOString(), loadedAt);
  assert(at >= before && at <= Date.now());
});

Deno.test("a policy without rules denies every request", () => {
  const policy = parsePolicy('{"rules": []}', "p");
  assertEquals(policy.size, 0);
  const decision = policy.decide(SOMEBODY, { method: "list" });
  assertEquals(decision, { allowed: false, rule: "no rule" });
});

/** A file whose first rule begins on line 3. */
const rule = (...lines: string[]) =>
  `{\n"rules": [\n{\n${lines.join("\n")}\n}\n]\n}`;

const REFUSED: [what: string, text: string, line: number, reason: string][] = [
  ["an empty file", "", 1, "invalid JSON: expected a value"],
  ["a file of comments", "// nothing\n", 2, "invalid JSON: expected a value"],
  ["a missing comma", '{\n"rules": [\n{}\n{}\n]}', 4, "expected a comma or ]"],
  ["a missing colon", '{\n"rules" []}', 2, "expected a colon"],
  ["a missing bracket", '{\n"rules": [\n', 3, "expected ]"],
  ["a missing brace", '{\n"rules": []\n', 3, "expected a comma or }"],
  ["a key without quotes", "{\nrules: []}", 2, "expected a key in quotes"],
  ["an unterminated string", '{\n"rules\n": []}', 2, "unterminated string"],
  ["a second value", '{"rules": []}\n{}', 2, "expected end of file"],
  ["a missing value", '{"rules":\n}', 2, "expected a value"],
  [
    "a file with CRLF line ends",
    '{\r\n"rules": [],\r\n"x": 1}',
    3,
    'unknown key "x" of a policy',
  ],
  [
    "an unterminated comment",
    '{"rules": []}\n/* so',
    2,
    "comment not closed",
  ],
  ["an invalid number", '{"rules":\n01}', 2, "invalid value 01"],
  ["a comma alone", '{"rules": [\n,]}', 2, "expected a value"],
  ["too many brackets", "[".repeat(100_000), 1, "nested too deeply"],
  ["an array", "\n[]", 2, "invalid policy: expected an object"],
  ["no rules", "\n{}", 2, 'invalid policy: expected { "rules": [...] }'],
  [
    "an unknown key",
    '{"rules": [],\n"x": 1}',
    2,
    'unknown key "x" of a policy: expected rules',
  ],
  ["rules twice", '{"rules": [],\n"rules": []}', 2, 'duplicate key "rules"'],
  [
    "rules in an object",
    '{"rules":\n{}}',
    2,
    "invalid rules: expected an array",
  ],
  [
    "a rule that is text",
    '{"rules": [\n"x"]}',
    2,
    "invalid rule: expected an object",
  ],
  [
    "an unknown key of a rule",
    rule('"user": 1,', '"usr": 1'),
    5,
    'unknown key "usr" of a rule',
  ],
  ["a key twice", rule('"user": 1,', '"user": 2'), 5, 'duplicate key "user"'],
  ["an inherited key", rule('"toString": 1'), 4, 'unknown key "toString"'],
  ["__proto__", rule('"__proto__": {}'), 4, 'unknown key "__proto__"'],
  [
    "a name that is a number",
    rule('"name": 1'),
    4,
    "invalid name: expected text",
  ],
  ["an empty name", rule('"name":', '""'), 5, "invalid name: it is empty"],
  [
    "an unknown user",
    rule('"user": [', '"root",', '"wwww-data"]'),
    6,
    'user "wwww-data" does not exist',
  ],
  [
    "an unknown group",
    rule('"group": "nobodies"'),
    4,
    'group "nobodies" does not exist',
  ],
  ["a user with a NUL", rule('"user": "a\\u0000"'), 4, "does not exist"],
  ["a user without a name", rule('"user": ""'), 4, 'user "" does not exist'],
  [
    "a user that is true",
    rule('"user": true'),
    4,
    "invalid user: expected a name, a number",
  ],
  [
    "a user that is null",
    rule('"user": null'),
    4,
    "invalid user: expected a name, a number",
  ],
  [
    "a group in a group",
    rule('"group": [', "[1]]"),
    5,
    "invalid group: expected a name",
  ],
  ["no user", rule('"user": []'), 4, "invalid user: the array is empty"],
  ["no group", rule('"group": []'), 4, "invalid group: the array is empty"],
  ["a user below 0", rule('"user": -1'), 4, "invalid user -1: expected 0 to"],
  ["a user of a half", rule('"user": 1.5'), 4, "invalid user 1.5: expected"],
  [
    "the number that chown(2) ignores",
    rule('"user": 4294967295'),
    4,
    ": expected 0 to 4294967294",
  ],
  [
    "too long a range",
    rule('"user": "1-4294967295"'),
    4,
    ": expected 0 to 4294967294",
  ],
  [
    "a reversed range",
    rule('"user": "9-1"'),
    4,
    "invalid user range 9-1: it is empty",
  ],
  [
    "a method that is text",
    rule('"methods": "bind"'),
    4,
    "invalid methods: expected an array",
  ],
  [
    "no method",
    rule('"methods": []'),
    4,
    "invalid methods: the array is empty",
  ],
  [
    "an unknown method",
    rule('"methods": ["bind",', '"unbind"]'),
    5,
    'invalid methods "unbind": expected one of bind, list, release, status',
  ],
  [
    "a method by number",
    rule('"methods": [1]'),
    4,
    "invalid methods: expected text",
  ],
  [
    "no address",
    rule('"addresses": []'),
    4,
    "invalid addresses: the array is empty",
  ],
  [
    "addresses as text",
    rule('"addresses": "*:80"'),
    4,
    "invalid addresses: expected an array",
  ],
  [
    "an address by number",
    rule('"addresses": [80]'),
    4,
    "invalid addresses: expected text",
  ],
  [
    "an unknown decision",
    rule('"decision": "ask"'),
    4,
    'invalid decision "ask": expected one of allow, deny',
  ],
  [
    "a decision that is true",
    rule('"decision": true'),
    4,
    "invalid decision: expected text",
  ],
  ["an unknown option", rule('"options": ["x"]'), 4, 'unknown option "x"'],
  ["v6only", rule('"options": ["v6only"]'), 4, 'unknown option "v6only"'],
  [
    "options as text",
    rule('"options": "mark"'),
    4,
    "invalid options: expected an array",
  ],
  [
    "no option",
    rule('"options": []'),
    4,
    "invalid options: the array is empty",
  ],
];

const PATTERNS: [pattern: string, reason: string][] = [
  ["", "invalid address pattern"],
  ["80", "invalid address pattern"],
  ["127.0.0.1", "invalid address pattern"],
  ["127.0.0.1:", "invalid address pattern"],
  ["::1:80", "invalid address pattern"],
  ["http://127.0.0.1:80", "invalid address pattern"],
  ["127.0.0.1:80,81", "invalid address pattern"],
  ["127.0.0.1:8*", "invalid address pattern"],
  ["127.0.0.1:-80", "invalid address pattern"],
  ["tcp:127.0.0.1:80", "invalid address pattern"],
  ["/run/web.sock", "invalid address pattern"],
  ["unix:", "invalid address pattern"],
  ["*", "invalid address pattern"],
  ["127.0.0.1:65536", "invalid port 65536: expected 0 to 65535"],
  ["127.0.0.1:1-70000", "invalid port 1-70000"],
  ["127.0.0.1:90-80", "invalid port range 90-80: it is empty"],
  ["127.0.0.1:0-80", "port 0 lets the kernel choose"],
  ["localhost:80", 'invalid host "localhost": expected a numeric address'],
  ["192.168.*:80", 'invalid host "192.168.*": expected a numeric address'],
  ["127.1:80", 'invalid host "127.1": expected a numeric address'],
  [
    "[fe80::1%eth0]:80",
    'invalid host "fe80::1%eth0": expected a numeric address',
  ],
  ["[*]:80", "invalid address pattern"],
  ["*/8:80", 'invalid host "*": expected a numeric address'],
  ["10.0.0.0/33:80", "invalid network 10.0.0.0/33: expected /0 to /32"],
  ["10.0.0.0/:80", "invalid network 10.0.0.0/: expected"],
  ["10.0.0.0/8/8:80", "invalid network 10.0.0.0/8/8: expected"],
  ["[fd00::/129]:80", "invalid network fd00::/129: expected /0 to /128"],
  [
    "10.1.0.0/8:80",
    "invalid network 10.1.0.0/8: bits are set beyond its first 8",
  ],
  [
    "[fd00::1/64]:80",
    "invalid network fd00::1/64: bits are set beyond its first 64",
  ],
  ["[::ffff:0:0/90]:80", "bits are set beyond its first 90"],
  ["unix:web.sock", "expected / or @ at the start"],
  ["unix:*", "expected / or @ at the start"],
  ["unix:@", "the abstract name is empty"],
  ["unix:/run/web-?.sock", "unsupported wildcard ?:"],
  ["unix:/run/web-[12].sock", "unsupported wildcard [:"],
  ["unix:@{a,b}", "unsupported wildcard {:"],
  ["unix:/run/**.sock", "invalid **"],
  ["unix:/run/***", "invalid **"],
  ["unix:/run/../etc/*", "remove ., .. and empty segments"],
  ["unix:/run/./web", "remove ., .. and empty segments"],
  ["unix:/run//web", "remove ., .. and empty segments"],
  ["unix:/run/", "remove ., .. and empty segments"],
  ["unix:/", "remove ., .. and empty segments"],
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
    const place = `${path}:${line}:${error.column}: `;
    assert(error.message.startsWith(place + error.reason), error.message);
  });
}

Deno.test("readPolicy reads a file", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("policy.jsonc");
  await Deno.writeTextFile(path, "\ufeff" + EXAMPLE);
  assertEquals(readPolicy(path).text, EXAMPLE);
  assertEquals(readPolicy(path).path, path);
});

Deno.test("a file that is not UTF-8 is refused with its line", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("policy.jsonc");
  const bytes = new TextEncoder().encode(EXAMPLE);
  bytes[EXAMPLE.indexOf("sshd")] = 0xff;
  await Deno.writeFile(path, bytes);
  assertThrows(
    () => readPolicy(path),
    PolicyError,
    `${path}:4:34: invalid UTF-8`,
  );
});

Deno.test("a missing file is an OsError", async () => {
  await using scratch = await Scratch.make();
  const path = scratch.join("missing.jsonc");
  const error = assertThrows(() => readPolicy(path), OsError);
  assertEquals([error.code, error.syscall], ["ENOENT", "open"]);
});
