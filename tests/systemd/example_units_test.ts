import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { socketOf, tcpAddress } from "../support/binds/listening_socket.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import {
  exampleUnits,
  privilegedAddress,
  USER,
  withPackages,
} from "../support/systemd/example_units.ts";
import { assertExposure, verified } from "../support/systemd/instance.ts";
import { lacksSystemd, Machine } from "../support/systemd/machine.ts";
import { Queue } from "../support/systemd/queue.ts";
import { Service } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };

const CONTROL = "/run/multibinder/control.sock";

async function serviceOfExample(): Promise<Service> {
  const machine = await Machine.start({ units: await exampleUnits() });
  try {
    await withPackages(machine, "multibinder.service");
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
  return Service.in(machine, machine.pathOf(CONTROL));
}

/** systemd before 254 ignores this setting of multibinder.service. */
const UNKNOWN =
  /^\S+: Unknown key '?FileDescriptorStorePreserve'? in section '?\[Service\]'?, ignoring\.$/;

async function systemdVersion(machine: Machine): Promise<number> {
  const { output } = await machine.run("systemctl", "--version");
  return Number(/^systemd (\d+)/.exec(output)![1]);
}

Deno.test(
  "systemd-analyze verify finds no problem in the example units, except a setting that systemd before 254 ignores",
  withSystemd,
  async () => {
    await using machine = await Machine.start({ units: await exampleUnits() });
    const isOld = await systemdVersion(machine) < 254;
    for (const name of ["multibinder.service", "multibinder.socket"]) {
      const path = `/etc/systemd/system/${name}`;
      const { output, errors } = await verified(machine, path);
      const problems = errors.split("\n").filter((line) =>
        line !== "" && !(isOld && UNKNOWN.test(line))
      );
      assertEquals({ output, problems }, { output: "", problems: [] });
    }
  },
);

Deno.test({
  name: "systemd-analyze security gives multibinder.service at most 1.9",
  ignore: await lacks("systemd-analyze"),
  fn: () => assertExposure("systemd/multibinder.service", 19),
});

Deno.test(
  "the example unit binds port 80 as an unprivileged user, and keeps it after a reload and kill -9",
  withSystemd,
  async () => {
    await using service = await serviceOfExample();
    const { sock } = service;
    await service.systemctl("start");
    const address = privilegedAddress();
    assertEquals(await service.property("WatchdogUSec"), "30s");
    const first = await bind(address, { sock, timeout: PATIENCE });
    const socket = socketOf(first);
    assertEquals(tcpAddress(first).port, 80);
    first.close();
    const proc = `/proc/${await service.machine.mainPid(service.unit)}`;
    const status = await Deno.readTextFile(`${proc}/status`);
    const uid = /^Uid:\t(\d+)/m.exec(status)?.[1];
    assert(uid !== undefined && uid !== "0", status);
    const pid = await service.property("MainPID");
    await service.systemctl("reload");
    await service.generation(2);
    await service.becomes("ActiveState", "active");
    assertEquals(await service.property("MainPID"), pid);
    await service.kill();
    await service.generation(1);
    using again = await bind(address, { sock, timeout: PATIENCE });
    assertEquals(socketOf(again), socket);
    (await bind("localhost", 0, { sock, timeout: PATIENCE })).close();
    const log = await service.machine.journal(service.unit);
    assert(!/WARN|ERROR/.test(log), log);
  },
);

Deno.test(
  "the control socket of the example unit has its user and its group",
  withSystemd,
  async () => {
    await using service = await serviceOfExample();
    await service.systemctl("start");
    const { output } = await service.machine.run(
      "stat",
      "--format=%U %G %a",
      CONTROL,
    );
    assertEquals(output, `${USER} ${USER} 660`);
    await service.systemctl("stop");
    const { code } = await service.machine.run("test", "-e", CONTROL);
    assertEquals(code, 1);
  },
);

Deno.test(
  "with the example .socket unit the first client starts the daemon, and the socket is never closed",
  withSystemd,
  async () => {
    await using service = await serviceOfExample();
    const { machine, sock } = service;
    const started = await machine.systemctl("start", "multibinder.socket");
    assertEquals(started.code, 0, started.errors);
    const shown = await machine.run("stat", "--format=%U %G %a", CONTROL);
    assertEquals(shown.output, `${USER} ${USER} 660`);
    const { port, socket } = await service.held();
    const { ino } = await Deno.lstat(sock);
    await using queue = new Queue(port);
    await queue.grows(3);
    await service.kill();
    await queue.grows(3);
    using web = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
    assertEquals(socketOf(web), socket);
    const answers = await queue.serve(web, "served");
    assertEquals(answers, answers.map(() => "served"));
    await service.becomes("ActiveState", "active");
    await service.systemctl("stop");
    assertEquals((await Deno.lstat(sock)).ino, ino);
    assertEquals((await service.status()).binds, 0);
  },
);
