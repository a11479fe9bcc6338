import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { load } from "../../examples/demo/load.ts";
import { ask } from "../support/activate/activated.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { moduleOf } from "../support/serve_command/served.ts";
import {
  exampleUnit,
  exampleUnits,
  privilegedAddress,
  withPackages,
} from "../support/systemd/example_units.ts";
import { inside, lacksSystemd, Machine } from "../support/systemd/machine.ts";
import { treePath } from "../support/tree.ts";

const withSystemd = { ignore: await lacksSystemd() };

const TEMPLATE = "multibinder-run@.service";
const UNIT = "multibinder-run@web.service";

/** Instead of multibinder-run: /etc of a machine is read-only. */
const USER = "www-data";

/** Maximum exposure in `systemd-analyze security`, in tenths. */
const THRESHOLD = "32";

async function units(): Promise<Record<string, string>> {
  const text = await exampleUnit(`systemd/${TEMPLATE}`);
  return {
    ...await exampleUnits(),
    [TEMPLATE]: text.replace("User=multibinder-run", `User=${USER}`),
  };
}

/** The unit with a module on port 80. `await using` stops the machine. */
class Instance implements AsyncDisposable {
  private constructor(
    readonly machine: Machine,
    /** The address that is served. */
    readonly hostname: string,
  ) {}

  /** Boots a machine. The unit is not started. */
  static async prepare(): Promise<Instance> {
    const machine = await Machine.start({ units: await units() });
    const instance = new Instance(
      machine,
      privilegedAddress().split(":")[0]!,
    );
    try {
      await withPackages(machine, "multibinder.service", TEMPLATE);
      await machine.install({
        [`${TEMPLATE}.d/environment_file.conf`]:
          `[Service]\nEnvironmentFile=\nEnvironmentFile=${machine.shared}/%i.env\n`,
      });
      await instance.configure({});
      await instance.write(moduleOf("v1"));
      return instance;
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Boots a machine and starts the unit. */
  static async start(): Promise<Instance> {
    const instance = await Instance.prepare();
    try {
      const { code, errors } = await instance.systemctl("start");
      assertEquals(code, 0, errors + await instance.log());
      return instance;
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    }
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

  /** Runs `systemctl VERB` on the unit. */
  systemctl(verb: string): ReturnType<Machine["systemctl"]> {
    return this.machine.systemctl(verb, UNIT);
  }

  /** A property of the unit. */
  property(name: string): Promise<string> {
    return this.machine.property(UNIT, name);
  }

  /** The output of the unit. */
  log(): Promise<string> {
    return this.machine.journal(UNIT);
  }

  /** Waits until the log has a text. */
  async logs(part: string): Promise<void> {
    await eventually(
      `"${part}" in the log`,
      async () => (await this.log()).includes(part),
    );
  }

  /** The answer to a request. */
  ask(): Promise<string> {
    return ask(80, this.hostname);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}

Deno.test(
  "systemd-analyze verify finds no problem in multibinder-run@.service",
  withSystemd,
  async () => {
    await using machine = await Machine.start({ units: await units() });
    assertEquals(
      await machine.run(
        "systemd-analyze",
        "verify",
        "--recursive-errors=no",
        "--man=no",
        UNIT,
      ),
      { code: 0, output: "", errors: "" },
    );
  },
);

Deno.test({
  name: "systemd-analyze security gives multibinder-run@.service at most 3.2",
  ignore: await lacks("systemd-analyze"),
  fn: async () => {
    const { code, stdout } = await new Deno.Command("systemd-analyze", {
      args: [
        "security",
        "--offline=true",
        `--threshold=${THRESHOLD}`,
        "--no-pager",
        treePath(`examples/systemd/${TEMPLATE}`),
      ],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stdout));
  },
});

Deno.test(
  "multibinder-run@web serves port 80 as a user without capabilities, with the arguments and variables of web.env",
  withSystemd,
  async () => {
    await using instance = await Instance.prepare();
    const { machine } = instance;
    await instance.configure({ GREETING: "good morning" });
    await instance.write(`
      const status = Deno.readTextFileSync("/proc/self/status");
      const about = [Deno.args, Deno.env.get("GREETING"), Deno.uid(),
        /^CapEff:\\t0+$/m.test(status), Deno.env.get("WATCHDOG_USEC") ?? null];
      export default { fetch: () => Response.json(about) };
    `);
    const { code, errors } = await instance.systemctl("start");
    assertEquals(code, 0, errors + await instance.log());
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
    await using instance = await Instance.prepare();
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
      const { code, errors } = await instance.systemctl("restart");
      assertEquals(code, 0, errors + await instance.log());
      const answer = await instance.ask();
      assertEquals((await instance.systemctl("reload")).code, 0);
      await eventually(
        "an answer of the next generation",
        async () => await instance.ask() !== answer,
      );
      assertEquals((await instance.systemctl("stop")).code, 0);
    }
  },
});

Deno.test(
  "systemctl reload of multibinder-run@web loses no connection, and a module that is broken shows in the status",
  withSystemd,
  async () => {
    await using instance = await Instance.start();
    const end = new AbortController();
    const address = { hostname: instance.hostname, port: 80 };
    const clients = load(address, 4, end.signal);
    await instance.write("export default {};");
    assertEquals((await instance.systemctl("reload")).code, 0);
    await instance.logs("generation 1 keeps serving");
    await eventually("the failure in the status", async () => {
      const text = await instance.property("StatusText");
      return text.includes("the last reload failed");
    });
    assertMatch(await instance.ask(), /^v1 /);
    for (const [name, generation] of [["v2", 3], ["v3", 4]] as const) {
      await instance.write(moduleOf(name));
      assertEquals((await instance.systemctl("reload")).code, 0);
      await instance.logs(`generation ${generation}: ready`);
    }
    await instance.logs("generation 3: process");
    assertMatch(await instance.ask(), /^v3 /);
    end.abort();
    const { losses, answers } = await clients;
    assertEquals(losses, []);
    assert(answers.size >= 3, [...answers.keys()].join());
    assertEquals(await instance.property("NRestarts"), "0");
  },
);

Deno.test(
  "after kill -9 of the COMMAND or of run of multibinder-run@web connections are served, and stop leaves nothing",
  withSystemd,
  async () => {
    await using instance = await Instance.start();
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
    assertEquals((await instance.systemctl("stop")).code, 0);
    assertEquals(await instance.property("Result"), "success");
    const path = `/sys/fs/cgroup${group}`;
    assertEquals((await machine.run("test", "-e", path)).code, 1);
  },
);

Deno.test(
  "an invalid web.env is in the log of multibinder-run@web and does not start it again and again",
  withSystemd,
  async () => {
    await using instance = await Instance.prepare();
    await instance.configure({ OPTIONS: "--nonsense" });
    assertNotEquals((await instance.systemctl("start")).code, 0);
    assertEquals(await instance.property("ActiveState"), "failed");
    assertEquals(await instance.property("NRestarts"), "0");
    assertStringIncludes(await instance.log(), "unknown option --nonsense");
  },
);
