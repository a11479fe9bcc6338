import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import {
  blockedSignals,
  settled,
  threadsThatTakeSignals,
} from "../support/process_state.ts";

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function bindUntil(
  sock: string,
  address: string,
  ended: () => boolean,
): Promise<number> {
  let binds = 0;
  while (!ended()) {
    (await bind(address, 0, { sock })).close();
    binds++;
  }
  return binds;
}

Deno.test("a hundred SIGUSR1 lose no bind and do not kill the daemon", async () => {
  await using daemon = await Daemon.start({ args: ["--log-level", "warn"] });
  let ended = false;
  const clients = Array.from(
    { length: 4 },
    (_, index) => bindUntil(daemon.sock, `127.0.0.${index + 1}`, () => ended),
  );
  for (let count = 0; count < 100; count++) {
    daemon.program.signal("SIGUSR1");
    await pause(3);
  }
  // The last signal has the new version checked once more.
  await eventually(
    "another generation",
    async () => (await daemon.status()).generation > 1,
  );
  ended = true;
  const binds = await Promise.all(clients);
  const status = await daemon.status();
  assertEquals(status.pid, daemon.pid);
  assertEquals(status.binds, 4);
  assert(status.generation > 1);
  assert(binds.every((count) => count > 0));
});

/** Returns as soon as the next generation has been executed. */
function awaitExec(pid: number): void {
  const end = performance.now() + PATIENCE;
  const environment = () => Deno.readTextFileSync(`/proc/${pid}/environ`);
  while (!environment().includes("MULTIBINDER_STATE=")) {
    assert(performance.now() < end, "the daemon does not execute itself");
  }
}

const ENDS = ["SIGTERM", "SIGINT"] as const;

for (const signal of ENDS) {
  Deno.test(`${signal} together with SIGUSR1 stops the daemon cleanly`, async () => {
    await using daemon = await Daemon.start();
    daemon.program.signal("SIGUSR1");
    daemon.program.signal(signal);
    const end = await daemon.program.end();
    assertEquals({ code: end.code, signal: end.signal }, {
      code: 0,
      signal: null,
    });
  });

  Deno.test(`${signal} while the next generation starts stops it cleanly`, async () => {
    await using daemon = await Daemon.start();
    daemon.program.signal("SIGUSR1");
    awaitExec(daemon.pid);
    daemon.program.signal(signal);
    const end = await daemon.program.end();
    assertEquals({ code: end.code, signal: end.signal }, {
      code: 0,
      signal: null,
    });
  });
}

Deno.test("SIGTERM in the second generation removes the control socket", async () => {
  await using daemon = await Daemon.start();
  await daemon.reexec();
  const { code } = await daemon.stop();
  assertEquals(code, 0);
  const left = Array.from(
    Deno.readDirSync(new URL(".", `file://${daemon.sock}`)),
  );
  assertEquals(left, []);
});

Deno.test("no signal stays blocked once the next generation listens", async () => {
  await using daemon = await Daemon.start();
  const { pid } = daemon;
  const before = (await blockedSignals(pid)).get(pid);
  await daemon.reexec();
  assertEquals((await blockedSignals(pid)).get(pid), before);
});

Deno.test("every thread of the daemon blocks SIGUSR1, before and after Deno installs its handler", async () => {
  await using daemon = await Daemon.start();
  for (const generation of [1, 2]) {
    assertEquals(await threadsThatTakeSignals(daemon.pid), []);
    await settled(daemon.pid);
    assertEquals(await threadsThatTakeSignals(daemon.pid), []);
    await daemon.reexec();
    assertEquals((await daemon.status()).generation, generation + 1);
  }
});

Deno.test("SIGUSR2, SIGTTOU and SIGXFSZ have no effect on the daemon, in any generation", async () => {
  await using daemon = await Daemon.start();
  using session = await daemon.session();
  using _held = await session.bind("127.0.0.1", 0);
  for (const generation of [1, 2]) {
    for (const signal of ["SIGUSR2", "SIGTTOU", "SIGXFSZ"] as const) {
      daemon.program.signal(signal);
      assertEquals((await session.status()).generation, generation);
    }
    await daemon.reexec();
  }
  assertEquals((await session.status()).binds, 1);
});
