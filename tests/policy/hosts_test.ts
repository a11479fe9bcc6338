import { assertEquals, assertThrows } from "@std/assert";
import { SocketAddressError } from "../../ffi/sockets/socket_address.ts";
import { type Address, hasHost } from "../../address.ts";
import { canonical, mayBind, policyOf } from "../support/policy/asking.ts";

/** `+ipv4` at the end means `v6only: false`. */
function requested(text: string): Address {
  const address = canonical(text.replace(/\+ipv4$/, ""));
  return hasHost(address) && text.endsWith("+ipv4")
    ? { ...address, v6only: false }
    : address;
}

function allows(pattern: string, address: string): boolean {
  return mayBind(policyOf({ addresses: [pattern] }), requested(address));
}

function denies(pattern: string, address: string): boolean {
  const deny = { addresses: [pattern], decision: "deny" };
  return !mayBind(policyOf(deny, {}), requested(address));
}

/** Cases in which allow rules and deny rules match the same. */
const EITHER: [pattern: string, matching: string[], others: string[]][] = [
  ["127.0.0.1:8000", [
    "127.0.0.1:8000",
    "tcp://127.0.0.1:8000",
    "[::ffff:127.0.0.1]:8000",
    "[::ffff:7f00:1]:8000",
    "[0:0:0:0:0:FFFF:7F00:0001]:8000",
    "[::ffff:127.0.0.1]:8000+ipv4",
  ], [
    "127.0.0.1:8001",
    "127.0.0.2:8000",
    "udp://127.0.0.1:8000",
    "[::1]:8000",
    "[::127.0.0.1]:8000",
    "unix:/127.0.0.1:8000",
  ]],
  ["[::ffff:127.0.0.1]:80", ["127.0.0.1:80", "[::ffff:7f00:1]:80"], [
    "[::1]:80",
  ]],
  ["[0:0:0:0:0:0:0:1]:80", ["[::1]:80", "[::1]:80+ipv4"], [
    "[::2]:80",
    "127.0.0.1:80",
  ]],
  ["[2001:0DB8:0000::00ff]:80", ["[2001:db8::ff]:80"], ["[2001:db8::fe]:80"]],
  ["tcp://127.0.0.1:80", ["127.0.0.1:80"], ["udp://127.0.0.1:80"]],
  ["udp://127.0.0.1:53", ["udp://127.0.0.1:53"], ["127.0.0.1:53"]],
  ["127.0.0.1:8000-8999", ["127.0.0.1:8000", "127.0.0.1:8999"], [
    "127.0.0.1:7999",
    "127.0.0.1:9000",
    "127.0.0.1:0",
  ]],
  ["[::1]:*", ["[::1]:0", "[::1]:1", "[::1]:65535"], ["[::2]:1"]],
  ["127.0.0.1:0", ["127.0.0.1:0"], ["127.0.0.1:1"]],
  ["127.0.0.1:1-65535", ["127.0.0.1:1"], ["127.0.0.1:0"]],
  ["*:80", [
    "127.0.0.1:80",
    "0.0.0.0:80",
    "[::1]:80",
    "[::]:80",
    ":80",
  ], ["127.0.0.1:81", "udp://127.0.0.1:80", "unix:/80"]],
  [":80", [":80", "[::]:80+ipv4"], ["[::]:80", "[::1]:80+ipv4"]],
  [
    "10.0.0.0/8:80",
    ["10.0.0.0:80", "10.255.255.255:80", "[::ffff:a01:203]:80"],
    [
      "11.0.0.0:80",
      "9.255.255.255:80",
      "[a00::]:80",
    ],
  ],
  ["192.168.4.0/22:80", ["192.168.4.0:80", "192.168.7.255:80"], [
    "192.168.3.255:80",
    "192.168.8.0:80",
  ]],
  ["128.0.0.0/1:80", ["255.255.255.255:80", "128.0.0.0:80"], ["127.0.0.1:80"]],
  ["127.0.0.1/32:80", ["127.0.0.1:80"], ["127.0.0.0:80"]],
  ["[::ffff:10.0.0.0/104]:80", ["10.1.2.3:80"], ["11.0.0.0:80"]],
  ["[fd00::/8]:443", ["[fd00::]:443", "[fdff:ffff::1]:443"], [
    "[fc00::]:443",
    "[fe00::]:443",
    "253.0.0.0:443",
  ]],
  ["[2001:db8::/33]:80", ["[2001:db8:7fff::1]:80"], ["[2001:db8:8000::1]:80"]],
  ["[2001:db8::5/128]:80", ["[2001:db8::5]:80"], ["[2001:db8::4]:80"]],
  ["0.0.0.0:80", ["0.0.0.0:80", "[::ffff:0.0.0.0]:80+ipv4"], [
    "127.0.0.1:80",
    "[::]:80",
  ]],
  ["[::]:80", ["[::]:80"], ["0.0.0.0:80", "[::1]:80"]],
  ["0.0.0.0/0:80", ["0.0.0.0:80", "1.2.3.4:80"], ["[::1]:80", "[::]:80"]],
  ["[::ffff:0:0/96]:80", ["0.0.0.0:80", "1.2.3.4:80"], ["[::1]:80"]],
  ["[::/0]:80", ["[::]:80", "[::1]:80", "[fd00::1]:80"], [
    "1.2.3.4:80",
    "0.0.0.0:80",
    "[::ffff:1.2.3.4]:80",
  ]],
];

for (const [pattern, matching, others] of EITHER) {
  for (const address of matching) {
    Deno.test(`${pattern} matches ${address}`, () => {
      assertEquals(allows(pattern, address), true);
      assertEquals(denies(pattern, address), true);
    });
  }
  for (const address of others) {
    Deno.test(`${pattern} does not match ${address}`, () => {
      assertEquals(allows(pattern, address), false);
      assertEquals(denies(pattern, address), false);
    });
  }
}

/** Sockets that receive connections to addresses in and outside of the pattern. */
const DENIED_ONLY: [pattern: string, addresses: string[]][] = [
  ["0.0.0.0:22", [":22"]],
  ["[::]:22", [":22", "[::]:22+ipv4"]],
  ["0.0.0.0/0:22", [":22"]],
  ["[::/0]:22", [":22"]],
  ["127.0.0.1:22", ["0.0.0.0:22", ":22", "[::ffff:0:0]:22"]],
  ["[::1]:22", ["[::]:22", ":22"]],
  ["10.0.0.0/8:22", ["0.0.0.0:22", ":22"]],
  ["0.0.0.0/8:22", ["0.0.0.0:22", ":22"]],
  ["[fd00::/8]:22", ["[::]:22", ":22"]],
  ["[::/8]:22", ["[::]:22", ":22"]],
  ["127.0.0.1:20-30", [":22"]],
];

for (const [pattern, addresses] of DENIED_ONLY) {
  for (const address of addresses) {
    Deno.test(`${pattern} matches ${address} in a deny rule and not in an allow rule`, () => {
      assertEquals(denies(pattern, address), true);
      assertEquals(allows(pattern, address), false);
    });
  }
}

Deno.test("decide() throws for a host that is not numeric", () => {
  const policy = policyOf({ addresses: ["127.0.0.1:80"] });
  const address = { kind: "tcp", host: "web", port: 80, v6only: true } as const;
  assertThrows(() => mayBind(policy, address), SocketAddressError);
});
