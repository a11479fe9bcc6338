import { assertEquals, assertMatch } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { assertReexecutes } from "../support/environments/daemon.ts";
import { refusing } from "../support/environments/refused_call.ts";
import { HeldSockets } from "../support/environments/held_sockets.ts";
import { eventually } from "../support/eventually.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON } from "../support/run/supervised.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { asUnprivileged, OpenScratch } from "../support/unprivileged.ts";

const WITHOUT_MEMFD = refusing("memfd_create");

const withPython = { ignore: await lacks(PYTHON) };
const withPrlimit = { ignore: await lacks("prlimit") };

Deno.test(
  "a daemon whose memfd_create(2) is refused re-executes and keeps everything",
  withPython,
  async () => {
    await using daemon = await Daemon.start({ under: WITHOUT_MEMFD });
    await assertReexecutes(daemon);
    assertEquals((await daemon.stop()).code, 0);
  },
);

Deno.test(
  "without memfd_create(2), a generation that fails to start starts again with the same state",
  withPython,
  async () => {
    await using process = await FaultyProcess.listening({
      under: WITHOUT_MEMFD,
    });
    using held = await HeldSockets.of(process);
    // The images of an upgrade: the check, the generation that fails, the next.
    const image = process.image + 2;
    process.inject({ symbol: "signalfd", outcome: "EMFILE", image });
    process.program.signal("SIGUSR1");
    await process.program.errors.next("generation failed to start");
    await process.listens();
    await eventually("the fault", () => process.happened === 1);
    process.recover();
    await held.assertKept();
    await held.assertAnswered();
  },
);

/** A half request of 60 KiB. */
const HALF = `{"id":"${"x".repeat(60 * 1024)}`;

Deno.test(
  "without memfd_create(2), a state that is larger than a pipe abandons the upgrade, and a smaller one does not",
  { ignore: withPython.ignore || await lacks("setpriv") },
  async () => {
    await using scratch = await OpenScratch.make();
    await Deno.mkdir(scratch.join("socket"));
    await Deno.chmod(scratch.join("socket"), 0o777);
    const { under, ...options } = await asUnprivileged(scratch);
    await using daemon = await Daemon.start({
      ...options,
      sock: scratch.join("socket/control"),
      under: [...WITHOUT_MEMFD, ...under],
    });
    using held = await HeldSockets.of(daemon);
    {
      using clients = new DisposableStack();
      for (let count = 0; count < 20; count++) {
        const client = clients.use(RawConnection.open(daemon.sock));
        await client.send(HALF);
      }
      daemon.program.signal("SIGUSR1");
      const line = await daemon.program.errors.next("upgrade abandoned");
      assertMatch(line, /pipe of \d+ bytes.*EPERM/);
      await held.assertKept();
    }
    await daemon.reexec();
    await held.assertKept();
    await held.assertAnswered();
  },
);

/** Sets the file size limit of a running program to 0. */
async function forbidWriting(pid: number): Promise<void> {
  const { success } = await new Deno.Command("prlimit", {
    args: [`--pid=${pid}`, "--fsize=0:0"],
  }).output();
  assertEquals(success, true);
}

Deno.test(
  "a daemon whose file size limit is 0 re-executes and keeps everything",
  withPrlimit,
  async () => {
    await using daemon = await Daemon.start();
    await forbidWriting(daemon.pid);
    await assertReexecutes(daemon);
    assertEquals((await daemon.stop()).code, 0);
  },
);

Deno.test(
  "a daemon that reaches its file size limit in its log serves and re-executes",
  withPrlimit,
  async () => {
    await using scratch = await OpenScratch.make();
    const log = scratch.join("log");
    await using daemon = await Daemon.start({
      under: ["sh", "-c", 'exec "$@" 2>"$0"', log],
    });
    await forbidWriting(daemon.pid);
    await assertReexecutes(daemon);
    assertEquals((await Deno.stat(log)).size, 0);
    assertEquals((await daemon.stop()).code, 0);
  },
);

Deno.test(
  "a daemon whose getrlimit(2) is refused starts and re-executes",
  withPython,
  async () => {
    const under = refusing("prlimit64");
    await using daemon = await Daemon.start({ under });
    await assertReexecutes(daemon);
    assertEquals((await daemon.status()).descriptors.limit, 1024);
  },
);
