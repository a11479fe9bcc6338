import { assert, assertEquals, assertRejects } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { daemonCommand } from "../support/daemon.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { loopbackHost } from "../support/loopback.ts";
import { descriptorsOf } from "../support/process_state.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";
import {
  denoEnvironment,
  execStart,
  lacksSystemd,
  Machine,
} from "../support/systemd/machine.ts";
import { Service } from "../support/systemd/service.ts";
import { hostState, tracesOf } from "../support/systemd/traces.ts";

const noMachine = await lacksSystemd();
const noPython = await lacks("/usr/bin/python3");

/** An address that other tests do not use. */
const HOST = loopbackHost();

const STORED_SOCKET = [
  "/usr/bin/python3",
  treePath("tests/support/systemd/stored_socket.py"),
  "web",
  HOST,
];

const STORED = `
[Service]
Type=notify
${execStart(STORED_SOCKET)}
Restart=always
RestartSec=0
StartLimitIntervalSec=0
FileDescriptorStoreMax=8
`;

/** The answer of stored_socket.py. */
interface Stored {
  port: number;
  inode: number;
  names: string[];
}

/** Connects and reads the answer. */
async function ask(port: number): Promise<Stored> {
  using connection = await Deno.connect({ hostname: HOST, port });
  return JSON.parse(await new Response(connection.readable).text());
}

/** The lines that it printed at each start. */
async function startsOf(machine: Machine, unit: string): Promise<Stored[]> {
  const lines = (await machine.journal(unit)).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** Runs systemctl, which must succeed without output. */
async function systemctl(machine: Machine, ...words: string[]): Promise<void> {
  assertEquals(await machine.systemctl(...words), {
    code: 0,
    output: "",
    errors: "",
  });
}

Deno.test({
  name:
    "a service killed with -9 gets its socket back from the descriptor store",
  ignore: noMachine || noPython,
  fn: async () => {
    const unit = "stored.service";
    await using machine = await Machine.start({ units: { [unit]: STORED } });
    await systemctl(machine, "start", unit);
    const [first] = await startsOf(machine, unit);
    assert(first !== undefined);
    assertEquals(await ask(first.port), { ...first, names: [] });
    assertEquals(await machine.property(unit, "NFileDescriptorStore"), "1");
    for (const kills of [1, 2, 3]) {
      const before = await machine.mainPid(unit);
      await machine.kill(unit);
      // The connection waits in the accept queue for the next process.
      assertEquals(await ask(first.port), { ...first, names: ["web"] });
      const pid = await machine.mainPid(unit);
      assert(pid !== before);
      const held = await descriptorsOf(pid);
      assert([...held.values()].includes(`socket:[${first.inode}]`));
      assertEquals(await machine.property(unit, "NRestarts"), `${kills}`);
    }
  },
});

Deno.test({
  name: "systemctl stop ends a service and closes its stored socket",
  ignore: noMachine || noPython,
  fn: async () => {
    const unit = "stored.service";
    await using machine = await Machine.start();
    await machine.install({ [unit]: STORED });
    await systemctl(machine, "start", unit);
    await systemctl(machine, "stop", unit);
    const state = await machine.systemctl("is-active", unit);
    assertEquals(state, { code: 3, output: "inactive", errors: "" });
    const [first] = await startsOf(machine, unit);
    assert(first !== undefined);
    await assertRejects(() => ask(first.port), Deno.errors.ConnectionRefused);
    await assertRejects(() => machine.mainPid(unit), Error, "no main process");
    await systemctl(machine, "start", unit);
    const [, second] = await startsOf(machine, unit);
    assert(second !== undefined);
    assertEquals(second.names, []);
    assert(second.inode !== first.inode);
    assertEquals(await ask(second.port), second);
  },
});

/** Sandboxing directives under which the daemon works. */
const HARDENING = `
DynamicUser=yes
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
AmbientCapabilities=CAP_NET_BIND_SERVICE
DevicePolicy=closed
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service @pkey
`;

for (const [how, directives] of [["", ""], ["hardened ", HARDENING]]) {
  Deno.test({
    name: `the daemon of this tree, a ${how}service of systemd, ` +
      "keeps its binds after systemctl kill -s USR1",
    ignore: noMachine,
    fn: async () => {
      const unit = "multibinder.service";
      const inside = "/run/multibinder/control.sock";
      await using machine = await Machine.start({
        units: {
          [unit]: `
[Service]
${execStart(daemonCommand(inside))}
${denoEnvironment()}
RuntimeDirectory=multibinder
${directives}
`,
        },
      });
      await systemctl(machine, "start", unit);
      const sock = machine.pathOf(inside);
      using before = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
      const pid = await machine.mainPid(unit);
      await systemctl(machine, "kill", "-s", "USR1", unit);
      await Service.in(machine, sock).generation(2);
      using after = await bind("127.0.0.1", 0, { sock, timeout: PATIENCE });
      assertEquals(after.addr, before.addr);
      assertEquals(await machine.mainPid(unit), pid);
      await systemctl(machine, "stop", unit);
      assertEquals(await machine.property(unit, "Result"), "success");
    },
  });
}

Deno.test({
  name: "a control socket in the shared directory has one path on both sides",
  ignore: noMachine,
  fn: async () => {
    await using machine = await Machine.start();
    const sock = `${machine.shared}/control.sock`;
    await machine.install({
      "multibinder.service": `
[Service]
${execStart(daemonCommand(sock))}
${denoEnvironment()}
`,
    });
    await systemctl(machine, "start", "multibinder.service");
    using session = await connect({ sock, timeout: PATIENCE });
    const status = await session.status();
    assertEquals(status.control_socket, sock);
    const inside = await machine.mainPidInside("multibinder.service");
    assertEquals(status.pid, inside);
  },
});

/** Attempts of a machine to change its host. */
const MISCHIEF = `
  rm -rf /tmp/* /var/tmp/* /run/multibinder-* /var/lib/* 2>&1
  touch /tmp/multibinder-mischief /run/multibinder-mischief
  touch /etc/multibinder-mischief || echo refused
  echo 1 >/proc/sys/fs/nr_open || echo refused
  hostname mischief
  mount -t tmpfs tmpfs /srv
  mkdir /sys/fs/cgroup/mischief /srv/mischief
  setsid sleep 600 >/dev/null 2>&1 &
`;

Deno.test({
  name: "a machine does not change its host",
  ignore: noMachine,
  fn: async () => {
    const kept = await Promise.all(
      ["/tmp", "/var/tmp", "/run"].map((dir) =>
        Deno.makeTempFile({ dir, prefix: "multibinder-" })
      ),
    );
    try {
      for (const path of kept) await Deno.utime(path, 0, 0);
      const before = await hostState();
      for (let turn = 0; turn < 2; turn++) {
        let name: string;
        {
          await using machine = await Machine.start();
          name = machine.shared.split("/")[2]!;
          assert((await tracesOf(name)).length > 0);
          const { output } = await machine.run("sh", "-c", MISCHIEF);
          assertEquals(output, "refused\nrefused");
        }
        assertEquals(await hostState(), before);
        assertEquals(await tracesOf(name), []);
      }
      for (const directory of ["/tmp", "/run", "/etc", "/srv"]) {
        const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
        assert(!names.some((name) => name.endsWith("mischief")));
      }
    } finally {
      // Fails if it was removed.
      for (const path of kept) await Deno.remove(path);
    }
  },
});

Deno.test({
  name: "a machine stops with the test that started it, even after kill -9",
  ignore: noMachine,
  fn: async () => {
    await using test = Program.start(Deno.execPath(), {
      args: ["run", "-A", treePath("tests/support/systemd/abandoned.ts")],
    });
    const name = (await test.output.next("/srv/")).split("/")[2]!;
    assert((await tracesOf(name)).length > 0);
    test.signal("SIGKILL");
    await test.end();
    await eventually(
      "no trace is left",
      async () => (await tracesOf(name)).length === 0,
    );
  },
});

Deno.test({
  name: "a machine stops when its PID 1 exits",
  ignore: noMachine,
  fn: async () => {
    const machine = await Machine.start();
    const name = machine.shared.split("/")[2]!;
    Deno.kill(machine.pid, "SIGKILL");
    await machine.log.all();
    await machine[Symbol.asyncDispose]();
    assertEquals(await tracesOf(name), []);
  },
});
