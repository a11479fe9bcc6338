import { assertEquals } from "@std/assert";
import {
  type Address,
  AddressError,
  formatAddress,
  parseAddress,
} from "../../address.ts";
import type { Random } from "../support/bad_clients/malformed_requests.ts";
import { casesFor, inCase } from "../support/fuzz/seed.ts";

const CASES = casesFor(20_000);

const PARTS: readonly string[] = [
  "tcp://",
  "udp://",
  "unix:",
  "seqpacket:",
  "unixgram:",
  "127.0.0.1",
  "0.0.0.0",
  "localhost",
  "::",
  "::1",
  "fe80::1%lo",
  "[",
  "]",
  "[::1]",
  "[::]",
  "[]",
  ":",
  "@",
  "/",
  "/run/web.sock",
  "..",
  "%",
  "+ipv4",
  "0",
  "80",
  "65535",
  "65536",
  "99999",
  "000080",
  "-1",
  "1e3",
  " ",
  "\n",
  "\u0000",
  "\ud800",
  "🦕",
  "__proto__",
  "x",
];

const WHOLE: readonly string[] = [
  "127.0.0.1:80",
  "[::1]:80",
  "[localhost]:80",
  "tcp://[::]:0",
  "udp://localhost:53",
  ":8000",
  "unix:/run/web.sock",
  "seqpacket:@name",
];

/** A mutated address, or random parts of addresses. */
function textOf(random: Random): string {
  if (random.below(2) === 0) {
    const text = random.of(WHOLE);
    const at = random.below(text.length + 1);
    return text.slice(0, at) + random.of(PARTS) + text.slice(at);
  }
  const count = 1 + random.below(6);
  return Array.from({ length: count }, () => random.of(PARTS)).join("");
}

function read(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

Deno.test(`${CASES} texts like addresses: each is an address that round-trips, or an AddressError`, async () => {
  let addresses = 0;
  for (let number = 0; number < CASES; number++) {
    let text = "";
    await inCase(number, () => JSON.stringify(text), (random) => {
      text = textOf(random);
      const address = read(text);
      if (address === undefined) return;
      addresses++;
      assertEquals(read(formatAddress(address)), address);
    });
  }
  assertEquals(addresses > CASES / 100, true, `${addresses} addresses`);
});
