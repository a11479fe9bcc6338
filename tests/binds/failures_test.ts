import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { bind, BindError } from "../../client.ts";
import { ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { OwnPort } from "../support/loopback.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";

async function refusal(
  sock: string,
  host: string,
  port: number,
): Promise<BindError> {
  const error = await assertRejects(
    () => bind(host, port, { sock }),
    BindError,
  );
  assertEquals(error.code, ErrorCode.COULD_NOT_BIND);
  assertStringIncludes(error.message, "Could not bind: ");
  return error;
}

Deno.test("a bind of a port in use fails with EADDRINUSE", async () => {
  await using daemon = await Daemon.start();
  using holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = holder.addr;
  for (const host of ["127.0.0.1", "localhost", "0.0.0.0"]) {
    const error = await refusal(daemon.sock, host, port);
    const data = { errno: 98, code: "EADDRINUSE", syscall: "bind" };
    assertEquals(error.data, data);
  }
});

Deno.test("a bind succeeds once the port is free", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using own = OwnPort.take();
  const { number: port } = own;
  const holder = Deno.listen({ hostname: "127.0.0.1", port });
  try {
    await refusal(sock, "127.0.0.1", port);
  } finally {
    holder.close();
  }
  using web = await bind("127.0.0.1", port, { sock });
  assertEquals(web.addr, { transport: "tcp", hostname: "127.0.0.1", port });
});

Deno.test("a bind of an address of another machine fails with EADDRNOTAVAIL", async () => {
  await using daemon = await Daemon.start();
  const error = await refusal(daemon.sock, "192.0.2.1", 0);
  const data = { errno: 99, code: "EADDRNOTAVAIL", syscall: "bind" };
  assertEquals(error.data, data);
});

const FIRST_FREE_PORT = Number(
  Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
);

/** Runs root without the capability to bind low ports; other users lack it. */
const UNDER = Deno.uid() === 0
  ? [
    "setpriv",
    "--bounding-set=-net_bind_service",
    "--inh-caps=-net_bind_service",
  ]
  : [];

Deno.test("a bind of a low port without the capability fails with EACCES", {
  ignore: FIRST_FREE_PORT <= 1 || await lacks(...UNDER.slice(0, 1)),
}, async () => {
  await using daemon = await Daemon.start({ under: UNDER });
  const error = await refusal(daemon.sock, "127.0.0.1", FIRST_FREE_PORT - 1);
  const data = { errno: 13, code: "EACCES", syscall: "bind" };
  assertEquals(error.data, data);
});

Deno.test("a failed bind leaves neither a held socket nor a descriptor", async () => {
  await using daemon = await Daemon.start();
  const before = await openIn(daemon.pid);
  for (let count = 0; count < 100; count++) {
    await refusal(daemon.sock, "192.0.2.1", 0);
  }
  await assertOpen(daemon.pid, before);
  assertEquals((await daemon.status()).binds, 0);
});
