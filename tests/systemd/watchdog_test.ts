import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf } from "../support/binds/listening_socket.ts";
import { clientCommand } from "../support/client_program.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import {
  denoEnvironment,
  execStart,
  lacksSystemd,
} from "../support/systemd/machine.ts";
import { Service } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };

/** SIGKILL also ends a process that is stopped. */
const WATCHDOG = "[Service]\nWatchdogSec=2\nWatchdogSignal=SIGKILL\n";

const TIMEOUT = 2_000_000;

async function watchedDaemon(): Promise<Service> {
  const service = await Service.prepare();
  await service.machine.install({
    "multibinder.service.d/watchdog.conf": WATCHDOG,
  });
  await service.systemctl("start");
  return service;
}

/** Waits until the last WATCHDOG=1 is that many timeouts after the start. */
async function livesFor(
  { machine }: Service,
  unit: string,
  timeouts: number,
): Promise<void> {
  const time = async (name: string) =>
    Number(await machine.property(unit, name));
  const start = await time("ActiveEnterTimestampMonotonic");
  await eventually(
    `${unit} lives for ${timeouts} timeouts`,
    async () =>
      await time("WatchdogTimestampMonotonic") - start > timeouts * TIMEOUT,
  );
  assertEquals(await machine.property(unit, "NRestarts"), "0");
}

Deno.test(
  "WatchdogSec=2 does not end the daemon, also after re-execs",
  withSystemd,
  async () => {
    await using service = await watchedDaemon();
    const pid = await service.property("MainPID");
    await livesFor(service, service.unit, 1.5);
    for (const generation of [2, 3]) {
      await service.systemctl("reload");
      await service.generation(generation);
    }
    await livesFor(service, service.unit, 4);
    assertEquals(await service.property("MainPID"), pid);
  },
);

Deno.test(
  "WatchdogSec=2 replaces a daemon that is stuck, and the sockets stay",
  withSystemd,
  async () => {
    await using service = await watchedDaemon();
    const { sock } = service;
    const { socket } = await service.held();
    Deno.kill(await service.machine.mainPid(service.unit), "SIGSTOP");
    await service.becomes("NRestarts", "1");
    using again = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    assertEquals(socketOf(again), socket);
    await service.becomes("Result", "success");
  },
);

Deno.test(
  "WatchdogSec=2 does not end run",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { machine, sock } = service;
    const words = ["run", "127.0.0.1:0", "--", "/bin/sleep", "600"];
    await machine.install({
      "web.service": `
[Service]
Type=notify
${execStart(clientCommand(words))}
${denoEnvironment()}
Environment=MULTIBINDER_SOCK=${sock}
KillMode=mixed
Restart=always
`,
      "web.service.d/watchdog.conf": WATCHDOG,
    });
    const started = await machine.systemctl("start", "web.service");
    assertEquals(started.code, 0, await machine.journal("web.service"));
    const pid = await machine.property("web.service", "MainPID");
    await livesFor(service, "web.service", 2);
    assertEquals(
      (await machine.systemctl(
        "kill",
        "-s",
        "HUP",
        "--kill-who=main",
        "web.service",
      )).code,
      0,
    );
    await livesFor(service, "web.service", 4);
    assertEquals(await machine.property("web.service", "MainPID"), pid);
    const journal = await machine.journal("web.service");
    assertEquals(journal.includes("generation 2: ready"), true, journal);
  },
);
