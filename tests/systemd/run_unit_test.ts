import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { underLoad, untilSeen } from "../support/serve/under_load.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { moduleOf } from "../support/serve_command/served.ts";
import {
  exampleUnit,
  exampleUnits,
  withPackages,
} from "../support/systemd/example_units.ts";
import {
  assertExposure,
  assertVerified,
  Instance,
} from "../support/systemd/instance.ts";
import { inside, lacksSystemd, Machine } from "../support/systemd/machine.ts";
import { treePath } from "../support/tree.ts";

const withSystemd = { ignore: await lacksSystemd() };

const TEMPLATE = "multibinder-run@.service";
const UNIT = "multibinder-run@web.service";

/** Instead of multibinder-run: /etc of a machine is read-only. */
const USER = "www-data";

async function units(): Promise<Record<string, string>> {
  const text = await exampleUnit(`systemd/${TEMPLATE}`);
  return {
    ...await exampleUnits(),
    [TEMPLATE]: text.replace("User=multibinder-run", `User=${USER}`),
  };
}

/** The unit with a module on port 80. */
class RunInstance extends Instance {
  /** Boots a machine. The unit is not started. */
  static async prepare(): Promise<RunInstance> {
    const machine = await Machine.start({ units: await units() });
    const instance = new RunInstance(machine, UNIT);
    return await instance.after(
      () => withPackages(machine, "multibinder.service", TEMPLATE),
      () =>
        machine.install({
          [`${TEMPLATE}.d/environment_file.conf`]:
            `[Service]\nEnvironmentFile=\nEnvironmentFile=${machine.shared}/%i.env\n`,
        }),
      () => instance.configure({}),
      () => instance.write(moduleOf("v1")),
    );
  }

  /** Boots a machine and starts the unit. */
  static async start(): Promise<RunInstance> {
    const instance = await RunInstance.prepare();
    return await instance.after(() => instance.succeeds("start"));
  }

  /** Writes web.env. */
  async configure(variables: Record<string, string>): Promise<void> {
    const command = [inside(Deno.execPath()), "run", "-A"]
      .concat("--preload=jsr:@multibinder/client/serve")
      .concat(`${this.machine.shared}/main.ts`, '"two words"');
    const lines = Object.entries({
      ADDRESS: `${this.hostname}:80`,
      COMMAND: command.join(" "),
      OPTIONS: "--ready notify --grace 20s",
      DENO_AUTO_SERVE: "1",
      ...variables,
    }).map(([name, value]) => `${name}='${value}'\n`);
    await Deno.writeTextFile(`${this.machine.shared}/web.env`, lines.join(""));
  }

  /** Writes the module. */
  async write(source: string): Promise<void> {
    await Deno.writeTextFile(`${this.machine.shared}/main.ts`, source);
  }
}

Deno.test(
  "systemd-analyze verify finds no problem in multibinder-run@.service",
  withSystemd,
  async () => await assertVerified(await units(), UNIT),
);

Deno.test({
  name: "systemd-analyze security gives multibinder-run@.service at most 3.2",
  ignore: await lacks("systemd-analyze"),
  fn: () => assertExposure(`systemd/${TEMPLATE}`, 32),
});

Deno.test(
  "multibinder-run@web serves port 80 as a user without capabilities, with the arguments and variables of web.env",
  withSystemd,
  async () => {
    await using instance = await RunInstance.prepare();
    const { machine } = instance;
    await instance.configure({ GREETING: "good morning" });
    await instance.write(`
      const status = Deno.readTextFileSync("/proc/self/status");
      const about = [Deno.args, Deno.env.get("GREETING"), Deno.uid(),
        /^CapEff:\\t0+$/m.test(status), Deno.env.get("WATCHDOG_USEC") ?? null];
      export default { fetch: () => Response.json(about) };
    `);
    await instance.succeeds("start");
    const { output: uid } = await machine.run("id", "-u", USER);
    assertEquals(
      JSON.parse(await instance.ask()),
      [["two words"], "good morning", Number(uid), true, null],
    );
    assertEquals(await instance.property("WatchdogUSec"), "30s");
    assertEquals(
      await machine.property("multibinder.service", "ActiveState"),
      "active",
    );
  },
);

Deno.test({
  name:
    "multibinder-run@web runs other programs: Node, Python, and a shell that starts one",
  ignore: withSystemd.ignore || await lacks("node") || await lacks("python3"),
  fn: async () => {
    await using instance = await RunInstance.prepare();
    const example = (path: string) => inside(treePath(`examples/${path}`));
    const python = `/usr/bin/python3 ${example("python/server.py")}`;
    const { output: node } = await instance.machine.run("which", "node");
    for (
      const command of [
        `${node} ${example("node/server.mjs")}`,
        python,
        `/bin/sh -c "exec ${python}"`,
      ]
    ) {
      await instance.configure({
        COMMAND: command,
        OPTIONS: "--ready delay:100ms",
      });
      await instance.succeeds("restart");
      const answer = await instance.ask();
      await instance.succeeds("reload");
      await eventually(
        "an answer of the next generation",
        async () => await instance.ask() !== answer,
      );
      await instance.succeeds("stop");
    }
  },
});

Deno.test(
  "systemctl reload of multibinder-run@web loses no connection, and a module that is broken shows in the status",
  withSystemd,
  async () => {
    await using instance = await RunInstance.start();
    const address = { hostname: instance.hostname, port: 80 };
    const { lost } = await underLoad(address, async (seen) => {
      await instance.write("export default {};");
      await instance.succeeds("reload");
      await instance.logs("generation 1 keeps serving");
      await eventually("the failure in the status", async () => {
        const text = await instance.property("StatusText");
        return text.includes("the last reload failed");
      });
      assertMatch(await instance.ask(), /^v1 /);
      for (const [name, generation] of [["v2", 3], ["v3", 4]] as const) {
        await instance.write(moduleOf(name));
        await instance.succeeds("reload");
        await instance.logs(`generation ${generation}: ready`);
        await untilSeen(seen, new RegExp(`^${name} `));
      }
      await instance.logs("generation 3: process");
      assertMatch(await instance.ask(), /^v3 /);
    }, { clients: 4, kinds: [false] });
    assertEquals(lost, []);
    assertEquals(await instance.property("NRestarts"), "0");
  },
);

Deno.test(
  "after kill -9 of the COMMAND or of run of multibinder-run@web connections are served, and stop leaves nothing",
  withSystemd,
  async () => {
    await using instance = await RunInstance.start();
    const { machine } = instance;
    const first = await instance.ask();
    const { code } = await machine.run("kill", "-KILL", first.split(" ")[1]!);
    assertEquals(code, 0);
    assertNotEquals(await instance.ask(), first);
    assertEquals(await instance.property("NRestarts"), "0");

    await machine.kill(UNIT);
    assertMatch(await instance.ask(), /^v1 /);
    await eventually(
      "systemd's restart",
      async () => await instance.property("ActiveState") === "active",
    );
    assertEquals(await instance.property("NRestarts"), "1");

    const group = await instance.property("ControlGroup");
    await instance.succeeds("stop");
    assertEquals(await instance.property("Result"), "success");
    const path = `/sys/fs/cgroup${group}`;
    assertEquals((await machine.run("test", "-e", path)).code, 1);
  },
);

Deno.test(
  "an invalid web.env is in the log of multibinder-run@web and does not start it again and again",
  withSystemd,
  async () => {
    await using instance = await RunInstance.prepare();
    await instance.configure({ OPTIONS: "--nonsense" });
    assertNotEquals((await instance.systemctl("start")).code, 0);
    assertEquals(await instance.property("ActiveState"), "failed");
    assertEquals(await instance.property("NRestarts"), "0");
    assertStringIncludes(await instance.log(), "unknown option --nonsense");
  },
);
