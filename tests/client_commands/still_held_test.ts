/** What the commands say about the processes that still have a socket. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { OwnPort } from "../support/loopback.ts";
import type { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";
import {
  OpenScratch,
  reachableDeno,
  unprivileged,
} from "../support/unprivileged.ts";

/** Starts `sleep 300` with the sockets, and waits until it has become sleep. */
async function startService(
  daemon: Daemon,
  ...addresses: string[]
): Promise<Program> {
  const args = ["exec", ...addresses, "--", "sleep", "300"];
  const service = startClient(daemon, args);
  const comm = `/proc/${service.pid}/comm`;
  await eventually(
    "the service",
    async () => await Deno.readTextFile(comm) === "sleep\n",
  );
  return service;
}

Deno.test("release names the processes that still have the socket, and a bind names them too", async (t) => {
  using port = OwnPort.take();
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  const path = `unix:${scratch.join("web")}`;
  const places: [address: string, what: string][] = [
    [`127.0.0.1:${port.number}`, `port ${port.number}`],
    [`udp://127.0.0.1:${port.number}`, `port ${port.number}`],
    [`unix:@multibinder-${port.number}`, `unix:@multibinder-${port.number}`],
    [path, path],
  ];
  await using service = await startService(
    daemon,
    ...places.map(([address]) => address),
  );
  for (const [address, what] of places) {
    await t.step(address, async () => {
      const released = await runClient(daemon, ["release", address]);
      const holder = `${service.pid} sleep 300 \\(\\S+\\)`;
      const effect = address === path
        ? "no new connection reaches them, because its path is removed"
        : "the address is free when they have ended or closed it";
      assertEquals([released.code, released.output], [0, ""]);
      assertMatch(
        released.errors,
        new RegExp(
          `release: ${address} is released, and still held by ` +
            `${holder}: ${effect}$`,
        ),
      );
      const again = await runClient(daemon, ["exec", address, "--", "true"]);
      if (address === path) return assertEquals(again.code, 0, again.errors);
      assertEquals(again.code, 1);
      assertMatch(
        again.errors.split("\n")[1]!,
        new RegExp(`^  ${what} is held by ${holder}, perhaps with a socket `),
      );
    });
  }
});

Deno.test("release of a socket that no other process has prints nothing", async () => {
  await using daemon = await Daemon.start();
  await runClient(daemon, ["exec", "127.0.0.1:0", "--", "true"]);
  assertEquals(await runClient(daemon, ["release", "127.0.0.1:0"]), {
    code: 0,
    signal: null,
    output: "",
    errors: "",
  });
});

Deno.test("a bind of an address that the daemon itself occupies points to list, with --sock as it was given", async () => {
  using port = OwnPort.take();
  await using daemon = await Daemon.start();
  await using _service = await startService(daemon, `127.0.0.1:${port.number}`);
  const args = ["--sock", daemon.sock, `0.0.0.0:${port.number}`];
  const { code, errors } = await runClient(undefined, [
    "exec",
    ...args,
    "--",
    "true",
  ]);
  assertEquals(code, 1);
  assertEquals(
    errors.split("\n")[1],
    `  the daemon itself holds another socket of port ${port.number}: ` +
      `\`multibinder-client list --sock ${daemon.sock}\` shows it`,
  );
});

Deno.test(
  "list shows the receiver that it may not look at, and keeps its rows",
  {
    ignore: Deno.uid() !== 0 || await lacks("setpriv"),
  },
  async () => {
    await using open = await OpenScratch.make();
    await using daemon = await Daemon.start({
      sock: open.join("control.sock"),
      args: ["--mode", "0666"],
    });
    await using service = await startService(daemon, "127.0.0.1:0");
    using session = await daemon.session();
    using _own = await session.bind("127.0.0.2", 0);
    const list = async (...args: string[]) => {
      const { code, output, errors } = await runClient(
        daemon,
        ["list", ...args],
        {
          under: unprivileged,
          deno: await reachableDeno(open),
          env: open.env,
        },
      );
      assertEquals({ code, errors }, { code: 0, errors: "" });
      return output;
    };
    const table = await list();
    assertStringIncludes(table, `process ${service.pid} (not visible)`);
    assertStringIncludes(table, `process ${Deno.pid} (not visible)`);
    const sockets = JSON.parse(await list("--json"));
    assertEquals(
      sockets.map(({ not_visible }: { not_visible: number[] }) => not_visible),
      [[service.pid], [Deno.pid]],
    );
  },
);

Deno.test(
  "list without /proc keeps its rows and says why it knows no process",
  {
    ignore: Deno.uid() !== 0 || await lacks("unshare"),
  },
  async () => {
    await using daemon = await Daemon.start();
    using session = await daemon.session();
    using _web = await session.bind("127.0.0.1", 0);
    const script = 'mount -t tmpfs none /proc && exec "$@"';
    const { code, output } = await runClient(daemon, ["list"], {
      under: ["unshare", "--mount", "sh", "-c", script, "sh"],
    });
    assertEquals(code, 0);
    const [, row = "", note] = output.split("\n");
    assertMatch(row, /^127\.0\.0\.1:0 .* - +pid /);
    assertMatch(note!, /^the processes that hold them are unknown: .*ENOENT/);
  },
);
