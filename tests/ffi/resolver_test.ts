import { assert, assertEquals, assertRejects } from "@std/assert";
import { NameError, resolveHost } from "../../ffi/sockets/resolver.ts";

Deno.test("localhost resolves to loopback addresses, each once, IPv4 first", async () => {
  const found = await resolveHost("localhost", 8080);
  assert(found.length > 0);
  assertEquals(found[0]?.host, "127.0.0.1");
  assert(found.every(({ port }) => port === 8080));
  const hosts = found.map(({ host }) => host);
  assertEquals(new Set(hosts).size, hosts.length);
  const families = found.map(({ family }) => family);
  assertEquals(families, families.toSorted());
});

Deno.test("a numeric address resolves to itself", async () => {
  for (const host of ["127.0.0.7", "::1"]) {
    const found = await resolveHost(host, 1);
    assertEquals(found.map(({ host }) => host), [host]);
  }
});

// Longer than a label may be, so the resolver asks no server.
const NO_NAME = `${"x".repeat(64)}.invalid`;

Deno.test("a name that does not exist is a NameError that names it", async () => {
  const error = await assertRejects(
    () => resolveHost(NO_NAME, 80),
    NameError,
    `getaddrinfo ${NO_NAME}: `,
  );
  assertEquals([error.name, error.host], ["NameError", NO_NAME]);
  assert(error.code < 0);
});

Deno.test("a name with a NUL is refused", async () => {
  await assertRejects(() => resolveHost("local\0host", 80), TypeError, "NUL");
});
