import { assert, assertEquals } from "@std/assert";
import { Scratch } from "../support/tree.ts";
import { mayBind, policyOf } from "../support/policy/asking.ts";

function allows(pattern: string, address: string): boolean {
  return mayBind(policyOf({ addresses: [pattern] }), address);
}

function denies(pattern: string, address: string): boolean {
  const deny = { addresses: [pattern], decision: "deny" };
  return !mayBind(policyOf(deny, {}), address);
}

const TABLE: [pattern: string, matching: string[], others: string[]][] = [
  ["unix:/nowhere/web.sock", ["unix:/nowhere/web.sock"], [
    "unix:/nowhere/webxsock",
    "unix:/nowhere/web.sock.old",
    "unix:/x/nowhere/web.sock",
    "seqpacket:/nowhere/web.sock",
    "unixgram:/nowhere/web.sock",
    "unix:@/nowhere/web.sock",
    "127.0.0.1:80",
  ]],
  ["seqpacket:/nowhere/*", ["seqpacket:/nowhere/s"], ["unix:/nowhere/s"]],
  ["unixgram:/nowhere/*", ["unixgram:/nowhere/s"], ["unix:/nowhere/s"]],
  ["unix:/nowhere/*.sock", [
    "unix:/nowhere/a.sock",
    "unix:/nowhere/.sock",
    "unix:/nowhere/a\nb.sock",
    "unix:/nowhere/..sock",
  ], [
    "unix:/nowhere/a/b.sock",
    "unix:/nowhere/a.sock/b",
    "unix:/nowherea.sock",
    "unix:/nowhere/a.sockx",
  ]],
  ["unix:/nowhere/*/web-*.sock", ["unix:/nowhere/a/web-1.sock"], [
    "unix:/nowhere/web-1.sock",
    "unix:/nowhere/a/b/web-1.sock",
  ]],
  ["unix:/nowhere/**", ["unix:/nowhere/a", "unix:/nowhere/a/b/c"], [
    "unix:/nowhere",
    "unix:/nowhereabouts/a",
    "unix:@nowhere/a",
  ]],
  ["unix:/nowhere/**/web.sock", [
    "unix:/nowhere/web.sock",
    "unix:/nowhere/a/web.sock",
    "unix:/nowhere/a/b/web.sock",
  ], ["unix:/nowhere/a/xweb.sock", "unix:/nowhere/web.sock/a"]],
  ["unix:/**", ["unix:/a", "unix:/a/b"], ["unix:@a", "seqpacket:/a"]],
  ["unix:/nowhere/a(b)+|^$.sock", ["unix:/nowhere/a(b)+|^$.sock"], [
    "unix:/nowhere/ab.sock",
  ]],
  ["unix:/nowhere/(b)+|^$*", ["unix:/nowhere/(b)+|^$1"], ["unix:/nowhere/b1"]],
  ["unix:@web", ["unix:@web"], ["unix:@web/", "unix:/web", "unix:@@web"]],
  ["unix:@web-*", ["unix:@web-", "unix:@web-1"], [
    "unix:@web-1/2",
    "unix:@web-1/",
    "unix:/web-1",
    "unix:/@web-1",
    "seqpacket:@web-1",
  ]],
  ["unix:@**", ["unix:@a", "unix:@/a//b/"], ["unix:/a"]],
  ["unix:@a/**/b", ["unix:@a/b", "unix:@a/x/b"], ["unix:@a/x/bb"]],
];

for (const [pattern, matching, others] of TABLE) {
  for (const address of matching) {
    Deno.test(`${pattern} matches ${JSON.stringify(address)}`, () => {
      assertEquals(allows(pattern, address), true);
      assertEquals(denies(pattern, address), true);
    });
  }
  for (const address of others) {
    Deno.test(`${pattern} does not match ${JSON.stringify(address)}`, () => {
      assertEquals(allows(pattern, address), false);
      assertEquals(denies(pattern, address), false);
    });
  }
}

Deno.test("an abstract name with many slashes is compared in a short time", () => {
  const name = `unix:@a${"/".repeat(100)}x`;
  const begun = performance.now();
  assertEquals(allows("unix:@a/**/**/b", name), false);
  assert(performance.now() - begun < 10_000);
});

async function linked(scratch: Scratch): Promise<string> {
  await Deno.mkdir(scratch.join("real"));
  await Deno.symlink("real", scratch.join("link"));
  return await Deno.realPath(scratch.join("real"));
}

Deno.test("a deny rule follows links in its pattern", async () => {
  await using scratch = await Scratch.make();
  const real = await linked(scratch);
  for (const rest of ["web.sock", "*.sock", "**", "later/*"]) {
    const pattern = `unix:${scratch.join("link")}/${rest}`;
    const name = rest === "later/*" ? "later/web.sock" : "web.sock";
    assertEquals(denies(pattern, `unix:${real}/${name}`), true);
    assertEquals(denies(pattern, `unix:${scratch.join("link")}/${name}`), true);
    assertEquals(denies(pattern, `unix:${real}x/${name}`), false);
  }
});

Deno.test("an allow rule does not follow links in its pattern", async () => {
  await using scratch = await Scratch.make();
  const real = await linked(scratch);
  const pattern = `unix:${scratch.join("link")}/*.sock`;
  assertEquals(allows(pattern, `unix:${real}/web.sock`), false);
});
