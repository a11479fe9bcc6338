import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  type Address,
  AddressError,
  formatAddress,
  hostAddress,
  identityOf,
  parseAddress,
} from "../../address.ts";

function tcp(host: string, port: number, v6only = true): Address {
  return { kind: "tcp", host, port, v6only };
}

const READ: [text: string, address: Address, formatted?: string][] = [
  ["127.0.0.1:8000", tcp("127.0.0.1", 8000)],
  ["[::1]:8000", tcp("::1", 8000)],
  ["[::]:80", tcp("::", 80)],
  ["localhost:8000", tcp("localhost", 8000)],
  [":8000", tcp("::", 8000, false)],
  [":0", tcp("::", 0, false)],
  ["0.0.0.0:65535", tcp("0.0.0.0", 65535)],
  ["tcp://127.0.0.1:80", tcp("127.0.0.1", 80), "127.0.0.1:80"],
  ["tcp://[::1]:80", tcp("::1", 80), "[::1]:80"],
  ["tcp://:80", tcp("::", 80, false), ":80"],
  ["udp://127.0.0.1:53", { ...tcp("127.0.0.1", 53), kind: "udp" } as Address],
  ["unix:/run/web.sock", { kind: "unix", path: "/run/web.sock" }],
  ["unix:relative:1.sock", { kind: "unix", path: "relative:1.sock" }],
  ["unix:@abstract", { kind: "unix", path: "@abstract" }],
  ["seqpacket:/run/s", { kind: "seqpacket", path: "/run/s" }],
  ["unixgram:/run/g", { kind: "unixgram", path: "/run/g" }],
];

for (const [text, address, formatted = text] of READ) {
  Deno.test(`${text} is parsed, and formatted as ${formatted}`, () => {
    assertEquals(parseAddress(text), address);
    assertEquals(formatAddress(address), formatted);
  });
}

for (
  const text of [
    "",
    "8000",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:http",
    "127.0.0.1:-1",
    "127.0.0.1:+1",
    "127.0.0.1:8000 ",
    "127.0.0.1:65536",
    "127.0.0.1:100000",
    "::1:8000",
    "[::1]",
    "[::1:8000",
    "[]:8000",
    "http://127.0.0.1:8000",
    "tcp://127.0.0.1:8000/",
    "tcp:127.0.0.1",
    "unix:",
  ]
) {
  Deno.test(`${JSON.stringify(text)} is not an address`, () => {
    assertThrows(() => parseAddress(text), AddressError);
  });
}

Deno.test("a port is a whole number from 0 to 65535", () => {
  for (const port of [-1, 65536, 0.5, NaN, Infinity]) {
    assertThrows(() => hostAddress("tcp", "127.0.0.1", port), AddressError);
  }
  assertEquals(hostAddress("tcp", "127.0.0.1", 65535).port, 65535);
});

for (
  const [one, other] of [
    ["[::1]:80", "[0:0:0:0:0:0:0:1]:80"],
    ["[2001:db8::a]:80", "[2001:0DB8::000A]:80"],
    ["127.0.0.1:80", "tcp://127.0.0.1:80"],
    ["localhost:80", "LOCALHOST:80"],
  ] as const
) {
  Deno.test(`${one} and ${other} are one bind`, () => {
    assertEquals(
      identityOf(parseAddress(one)),
      identityOf(parseAddress(other)),
    );
  });
}

for (
  const [one, other] of [
    ["127.0.0.1:80", "127.0.0.1:81"],
    ["127.0.0.1:80", "127.0.0.2:80"],
    ["127.0.0.1:80", "udp://127.0.0.1:80"],
    ["[::]:80", ":80"],
    ["[::]:80", "0.0.0.0:80"],
    ["unix:/a", "seqpacket:/a"],
    ["unix:/a", "unix:@/a"],
  ] as const
) {
  Deno.test(`${one} and ${other} are two binds`, () => {
    assertNotEquals(
      identityOf(parseAddress(one)),
      identityOf(parseAddress(other)),
    );
  });
}
