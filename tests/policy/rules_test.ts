import { assertEquals } from "@std/assert";
import type { ClientCredentials } from "../../server/policy/policy.ts";
import {
  canonical,
  mayBind,
  ON_LOOPBACK,
  policyOf,
  type RuleText,
  SOMEBODY,
} from "../support/policy/asking.ts";

function decisionFor(
  who: Partial<ClientCredentials>,
  ...rules: RuleText[]
): [allowed: boolean, rule: string] {
  const { allowed, rule } = policyOf(...rules).decide(
    { ...SOMEBODY, ...who },
    { method: "status" },
  );
  return [allowed, rule];
}

Deno.test("the first rule that matches decides", () => {
  const deny = { user: 7, decision: "deny" };
  const allow = { user: "5-9", name: "web" };
  assertEquals(decisionFor({ uid: 7 }, deny, allow), [false, "rule 1"]);
  assertEquals(decisionFor({ uid: 7 }, allow, deny), [true, "rule 1 (web)"]);
  assertEquals(decisionFor({ uid: 8 }, deny, allow), [true, "rule 2 (web)"]);
});

Deno.test("a request that no rule matches is denied", () => {
  assertEquals(decisionFor({}, { user: 7 }), [false, "no rule"]);
  assertEquals(decisionFor({ uid: 0 }), [false, "no rule"]);
});

const WHO: [
  what: string,
  rule: RuleText,
  who: Partial<ClientCredentials>,
  matches: boolean,
][] = [
  ["a rule without user and group is for everybody", {}, {}, true],
  ["a user is meant by number", { user: 7 }, { uid: 7 }, true],
  ["another number is another user", { user: 7 }, { uid: 8 }, false],
  ["a user is meant by name", { user: "root" }, { uid: 0 }, true],
  ["another user is not", { user: "root" }, { uid: 1 }, false],
  ["digits in quotes are a number", { user: "0007" }, { uid: 7 }, true],
  ["a range has its first", { user: "1000-1999" }, { uid: 1000 }, true],
  ["a range has its last", { user: "1000-1999" }, { uid: 1999 }, true],
  ["a range ends before its first", { user: "1000-1999" }, { uid: 999 }, false],
  ["a range ends after its last", { user: "1000-1999" }, { uid: 2000 }, false],
  ["one of several is enough", { user: [1, "5-6", "root"] }, { uid: 6 }, true],
  ["none of several is not", { user: [1, "5-6", "root"] }, { uid: 4 }, false],
  ["a group is the connection's own", { group: 7 }, { gid: 7 }, true],
  ["a group is a supplementary one", { group: 7 }, { groups: [5, 7] }, true],
  ["a group of nobody's is not", { group: 7 }, { gid: 8, groups: [5] }, false],
  ["a group is meant by name", { group: "root" }, { gid: 0 }, true],
  ["a group is in a range", { group: "5-6" }, { groups: [6] }, true],
  ["a group's number is no user's", { group: 7 }, { uid: 7 }, false],
  [
    "user and group both match",
    { user: 1, group: 2 },
    { uid: 1, gid: 2 },
    true,
  ],
  ["user alone is not enough", { user: 1, group: 2 }, { uid: 1 }, false],
  ["group alone is not enough", { user: 1, group: 2 }, { gid: 2 }, false],
  [
    "the largest id is that of a user",
    { user: "0-4294967294" },
    { uid: 4294967294 },
    true,
  ],
];

for (const [what, rule, who, matches] of WHO) {
  Deno.test(what, () => assertEquals(decisionFor(who, rule)[0], matches));
}

function methodsOf(rule: RuleText): string[] {
  const policy = policyOf(rule);
  const address = canonical("127.0.0.1:80");
  return ["bind", "list", "release", "status", "other"].filter((method) =>
    policy.decide(SOMEBODY, { method, address }).allowed
  );
}

const METHODS: [what: string, rule: RuleText, methods: string[]][] = [
  ["a rule is for every method", {}, ["bind", "list", "release", "status"]],
  [
    "a rule with addresses applies to bind and release",
    { addresses: ["*:80"] },
    ["bind", "release"],
  ],
  ["methods are those named", { methods: ["list"] }, ["list"]],
  [
    "addresses apply only to bind and release",
    { methods: ["list", "release"], addresses: ["*:81"] },
    ["list"],
  ],
];

for (const [what, rule, methods] of METHODS) {
  Deno.test(what, () => assertEquals(methodsOf(rule), methods));
}

const WEB = { name: "web", addresses: ["*:80"] };
const OPTIONS: [
  what: string,
  rule: RuleText,
  options: string[],
  allowed: boolean,
][] = [
  ["a bind without options is allowed", WEB, [], true],
  ["usual options are allowed", WEB, [
    "backlog",
    "defer_accept",
    "fast_open",
    "recv_buffer",
    "send_buffer",
    "mode",
  ], true],
  ...[
    "reuse_port",
    "transparent",
    "free_bind",
    "mark",
    "device",
    "owner",
    "group",
  ].map((
    option,
  ): [string, RuleText, string[], boolean] => [
    `${option} is not allowed`,
    WEB,
    ["backlog", option],
    false,
  ]),
  ["a named option is allowed", { ...WEB, options: ["mark"] }, ["mark"], true],
  [
    "an option that is not listed is not allowed",
    { ...WEB, options: ["mark"] },
    ["mark", "backlog"],
    false,
  ],
  ["* is every option", { ...WEB, options: "*" }, ["mark", "device"], true],
  ["* in an array is too", { ...WEB, options: ["*"] }, ["transparent"], true],
];

for (const [what, rule, options, allowed] of OPTIONS) {
  Deno.test(`${what}, with options ${rule.options ?? "missing"}`, () => {
    assertEquals(mayBind(policyOf(rule), "127.0.0.1:80", options), allowed);
  });
}

Deno.test("a rule that does not list an option does not match, and the next rule decides", () => {
  const policy = policyOf(WEB, { name: "marked", options: ["mark"] });
  const ask = (options: string[]) =>
    policy.decide(SOMEBODY, {
      method: "bind",
      address: canonical("127.0.0.1:80"),
      options,
    }).rule;
  assertEquals(ask([]), "rule 1 (web)");
  assertEquals(ask(["mark"]), "rule 2 (marked)");
  assertEquals(ask(["owner"]), "no rule");
});

Deno.test("a deny rule ignores options", () => {
  const deny = { addresses: ["*:80"], options: ["mark"], decision: "deny" };
  const policy = policyOf(deny, { options: "*" });
  assertEquals(mayBind(policy, "127.0.0.1:80", ["device"]), false);
  assertEquals(mayBind(policy, "127.0.0.1:81", ["device"]), true);
});

Deno.test("the network interface of an address is the option device", () => {
  assertEquals(mayBind(policyOf(WEB), ON_LOOPBACK), false);
  assertEquals(
    mayBind(policyOf({ ...WEB, options: ["device"] }), ON_LOOPBACK),
    true,
  );
});

Deno.test("release ignores options", () => {
  const { allowed } = policyOf(WEB).decide(SOMEBODY, {
    method: "release",
    address: ON_LOOPBACK,
  });
  assertEquals(allowed, true);
});

Deno.test("without an address an allow rule with addresses does not match, but a deny rule does", () => {
  const ask = (rule: RuleText) =>
    policyOf(rule, {}).decide(SOMEBODY, { method: "bind" }).rule;
  assertEquals(ask(WEB), "rule 2");
  assertEquals(ask({ ...WEB, decision: "deny" }), "rule 1 (web)");
});
