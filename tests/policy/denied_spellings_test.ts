import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ErrorCode } from "../../protocol.ts";
import { loopbackHost } from "../support/loopback.ts";
import { cannotBecomeOthers, WEB } from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";

/** A denied port: it does not matter whether another program holds it. */
const PORT = 8443;

/** Spellings of 127.0.0.1 and of addresses that include it. */
const IPV4 = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "127.0.0.0x1",
  "127.0.0.01",
  "0x7f.0.0.1",
  "0x7F.1",
  "0x7f000001",
  "0177.0.0.1",
  "0177.0x0.1",
  "2130706433",
  "017700000001",
  "localhost",
  "LocalHost",
  "0.0.0.0",
  "0",
  "00",
  "0x0",
  "0.0",
  "0x0.0",
  "::ffff:127.0.0.1",
  "::FFFF:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:7f00:0001",
  "0:0:0:0:0:ffff:7f00:1",
  "0000:0000:0000:0000:0000:ffff:127.0.0.1",
  "::ffff:0.0.0.0",
  "::ffff:0:0",
];

/** Spellings of ::1 and of addresses that include it. */
const IPV6 = [
  "::1",
  "0::1",
  "::0:1",
  "0:0:0:0:0:0:0:1",
  "0000:0000:0000:0000:0000:0000:0000:0001",
  "::0.0.0.1",
  "::",
  "0::0",
  "0:0:0:0:0:0:0:0",
  "::0.0.0.0",
];

/** Spellings of `::`. */
const DUAL_STACK = ["::", "0::", "::0", "0:0:0:0:0:0:0:0", "::0.0.0.0"];

const DENIED: [what: string, pattern: string, hosts: string[], more: object][] =
  [
    ["127.0.0.1", `127.0.0.1:${PORT}`, IPV4, {}],
    ["127.0.0.1", `127.0.0.1:${PORT}`, [...IPV4, ...DUAL_STACK], {
      v6only: false,
    }],
    ["127.0.0.1", `127.0.0.1:${PORT}`, IPV4, { device: "lo" }],
    ["127.0.0.1", `127.0.0.1:${PORT}`, IPV4, { backlog: 1, kind: "tcp" }],
    ["127.0.0.1", `127.0.0.1:1-65535`, IPV4, {}],
    ["127.0.0.0/8", `127.0.0.0/8:${PORT}`, IPV4, {}],
    ["127.0.0.1 by UDP", `udp://127.0.0.1:${PORT}`, IPV4, { kind: "udp" }],
    ["::1", `[::1]:${PORT}`, IPV6, {}],
    ["::1", `[::1]:${PORT}`, [...IPV6, ...DUAL_STACK], { v6only: false }],
    ["::1 by UDP", `udp://[::1]:${PORT}`, IPV6, { kind: "udp" }],
    ["::ffff:127.0.0.1", `[::ffff:7f00:1]:${PORT}`, IPV4, {}],
    ["dual-stack :PORT", `:${PORT}`, DUAL_STACK, { v6only: false }],
    [
      "every address",
      `*:${PORT}`,
      [...IPV4, ...IPV6, ...DUAL_STACK, "10.1.2.3", "fd00::1"],
      { v6only: false },
    ],
  ];

const ALL = ["*:*", "udp://*:*"];

for (const [what, pattern, hosts, more] of DENIED) {
  const how = JSON.stringify(more);
  Deno.test(
    `a rule that denies ${pattern} denies every spelling of ${what}, with ${how}`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      await using server = await PolicyDaemon.start([
        { name: "taken", addresses: [pattern], decision: "deny" },
        { name: "else", user: 1500, addresses: ALL, options: "*" },
        OBSERVER,
      ]);
      await using web = await server.as(WEB);
      for (const address of hosts) {
        const params = { address, port: PORT, ...more };
        await assertDenied(web, "bind", params, "rule 1 (taken)");
        await assertDenied(web, "release", params, "rule 1 (taken)");
      }
      assertEquals(await server.held(), []);
    },
  );
}

/** None of these is or includes 127.0.0.1. */
const OTHERS: object[] = [
  { address: "127.0.0.2" },
  { address: "127.2" },
  { address: "0x7f.0.0.2" },
  { address: "0.0.0.0" },
  { address: "0" },
  { address: "::1" },
  { address: "::" },
  { address: "::", v6only: false },
  { address: "::ffff:127.0.0.2", v6only: false },
  { address: "::ffff:0.0.0.0", v6only: false },
  { address: "::127.0.0.1" },
  { address: "10.0.0.1" },
  { address: "127.0.0.1", kind: "udp" },
];

Deno.test(
  "a rule for one address allows only the spellings of that address",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using server = await PolicyDaemon.start([
      { name: "own", user: 1500, addresses: ["127.0.0.1:0"] },
      OBSERVER,
    ]);
    await using web = await server.as(WEB);
    const inodes = new Set<string>();
    for (const address of IPV4.slice(0, IPV4.indexOf("0.0.0.0"))) {
      inodes.add(await assertBinds(web, { address, port: 0 }));
    }
    assertEquals(inodes.size, 1);
    for (const other of OTHERS) {
      await assertDenied(web, "bind", {
        ...other,
        port: 0,
      });
    }
    assertEquals((await server.held()).length, 1);
  },
);

Deno.test("a name is denied if its first address is denied", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using server = await PolicyDaemon.start([
    { name: "own", user: 1500, addresses: ["[::1]:*", "127.0.0.2:*"] },
    OBSERVER,
  ]);
  await using web = await server.as(WEB);
  // IPv4 comes first. Skipping it would let a policy choose the address.
  await assertDenied(web, "bind", { address: "localhost", port: 0 });
  assertEquals(await server.held(), []);
});

/** Values that some parsers accept as a port. */
const PORTS = ["8443", "0x20fb", "8443 ", [8443], 8443.5, -57093, 73979, true];

Deno.test("a port in another spelling is an invalid param", {
  ignore: cannotBecomeOthers,
}, async () => {
  const host = loopbackHost();
  await using server = await PolicyDaemon.start([
    { name: "taken", addresses: ["*:8443"], decision: "deny" },
    { name: "else", user: 1500, addresses: ALL },
    OBSERVER,
  ]);
  await using web = await server.as(WEB);
  for (const port of PORTS) {
    const { answer, descriptors } = await web.ask("bind", [
      { address: host, port },
    ]);
    assertEquals(answer.error?.code, ErrorCode.INVALID_PARAMS, String(port));
    assertEquals(descriptors, []);
  }
  assertEquals(await server.held(), []);
});

Deno.test(
  "a range does not contain port 0, and the port chosen for it is a bind of its own",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const [ranged, any] = [loopbackHost(), loopbackHost()];
    await using server = await PolicyDaemon.start([
      { name: "own", user: 1500, addresses: [`${ranged}:1-65535`, `${any}:*`] },
      OBSERVER,
    ]);
    await using web = await server.as(WEB);
    await assertDenied(web, "bind", { address: ranged, port: 0 });
    const chosen = await assertBinds(web, { address: any, port: 0 });
    const again = await assertBinds(web, { address: any, port: 0 });
    assertEquals(again, chosen);
    const [bind] = await server.held();
    assert(bind !== undefined);
    assertEquals(bind.address, `${any}:0`);
    assertNotEquals(ranged, any);
  },
);
