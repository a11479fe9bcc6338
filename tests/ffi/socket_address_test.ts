import { assertEquals, assertThrows } from "@std/assert";
import { bindSocket, streamSocket } from "../../ffi/sockets/socket.ts";
import {
  canonicalHost,
  decodeSocketAddress,
  encodeSocketAddress,
  formatSocketAddress,
  localAddress,
  type SocketAddress,
  SocketAddressError,
} from "../../ffi/sockets/socket_address.ts";

const ADDRESSES: [address: SocketAddress, text: string, length: number][] = [
  [{ family: "ipv4", host: "0.0.0.0", port: 0 }, "0.0.0.0:0", 16],
  [{ family: "ipv4", host: "127.0.0.1", port: 65535 }, "127.0.0.1:65535", 16],
  [{ family: "ipv6", host: "::", port: 0, scope: 0 }, "[::]:0", 28],
  [{ family: "ipv6", host: "::1", port: 8080, scope: 0 }, "[::1]:8080", 28],
  [{ family: "ipv6", host: "fe80::1", port: 1, scope: 7 }, "[fe80::1]:1", 28],
  [{ family: "unix", path: "/run/a.sock" }, "/run/a.sock", 14],
  [{ family: "unix", path: "/run/日本" }, "/run/日本", 14],
  [{ family: "unix", path: "x".repeat(107) }, "x".repeat(107), 110],
  [{ family: "unix", path: "@name" }, "@name", 7],
  [
    { family: "unix", path: `@${"x".repeat(107)}` },
    `@${"x".repeat(107)}`,
    110,
  ],
];

for (const [address, text, length] of ADDRESSES) {
  Deno.test(`a sockaddr decodes to the address that was encoded: ${text}`, () => {
    const bytes = encodeSocketAddress(address);
    assertEquals(bytes.length, length);
    assertEquals(decodeSocketAddress(bytes), address);
    assertEquals(formatSocketAddress(address), text);
  });
}

Deno.test("a sockaddr has the layout of ip(7), ipv6(7) and unix(7)", () => {
  assertEquals(
    encodeSocketAddress({ family: "ipv4", host: "127.0.0.1", port: 8080 }),
    Uint8Array.of(2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  );
  const six = encodeSocketAddress({ family: "ipv6", host: "::2", port: 80 });
  assertEquals([six[0], six[2], six[3], six[23]], [10, 0, 80, 2]);
  assertEquals(
    encodeSocketAddress({ family: "unix", path: "@a" }),
    Uint8Array.of(1, 0, 0, 0x61),
  );
  assertEquals(
    encodeSocketAddress({ family: "unix", path: "a" }),
    Uint8Array.of(1, 0, 0x61, 0),
  );
});

const REFUSED: [address: SocketAddress, says: string][] = [
  [{ family: "unix", path: "x".repeat(108) }, "108 bytes long"],
  [{ family: "unix", path: "ü".repeat(54) }, "108 bytes long"],
  [{ family: "unix", path: `@${"x".repeat(108)}` }, "109 bytes long"],
  [{ family: "unix", path: "/run/a\0b" }, "NUL"],
  [{ family: "ipv4", host: "localhost", port: 1 }, "localhost"],
  [{ family: "ipv4", host: "::1", port: 1 }, "::1"],
  [{ family: "ipv4", host: "127.1", port: 1 }, "127.1"],
  [{ family: "ipv6", host: "127.0.0.1", port: 1 }, "127.0.0.1"],
  [{ family: "ipv4", host: "127.0.0.1\0", port: 1 }, "is not an ipv4 address"],
];

for (const [address, says] of REFUSED) {
  Deno.test(`an invalid address is not encoded: ${JSON.stringify(address).slice(0, 60)}`, () => {
    assertThrows(() => encodeSocketAddress(address), SocketAddressError, says);
  });
}

Deno.test("a sockaddr of another family decodes to undefined", () => {
  assertEquals(decodeSocketAddress(new Uint8Array(0)), undefined);
  assertEquals(decodeSocketAddress(Uint8Array.of(16, 0, 0, 0)), undefined);
  assertEquals(decodeSocketAddress(Uint8Array.of(1, 0)), {
    family: "unix",
    path: "",
  });
});

const HOSTS: [text: string, host: string | undefined][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["2001:DB8::0:1", "2001:db8::1"],
  ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
  ["127.1", undefined],
  ["010.0.0.1", undefined],
  ["localhost", undefined],
  ["[::1]", undefined],
  ["::1%lo", undefined],
  ["127.0.0.1\0", undefined],
  ["", undefined],
];

for (const [text, host] of HOSTS) {
  Deno.test(`the canonical form of ${JSON.stringify(text)} is ${host}`, () => {
    assertEquals(canonicalHost(text)?.host, host);
  });
}

Deno.test("the kernel reports the address that was bound", () => {
  const address: SocketAddress = {
    family: "unix",
    path: `@multibinder-${crypto.randomUUID()}`,
  };
  using named = streamSocket(address);
  bindSocket(named.fd, address);
  assertEquals(localAddress(named.fd), address);
  using unnamed = streamSocket(address);
  assertEquals(localAddress(unnamed.fd), { family: "unix", path: "" });
});
