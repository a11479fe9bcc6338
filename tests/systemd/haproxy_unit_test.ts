import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { load } from "../../examples/demo/load.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { within } from "../support/program.ts";
import { treePath } from "../support/tree.ts";
import {
  exampleUnit,
  exampleUnits,
  privilegedAddress,
  withPackages,
} from "../support/systemd/example_units.ts";
import {
  type CommandResult,
  denoEnvironment,
  lacksSystemd,
  Machine,
} from "../support/systemd/machine.ts";

const ignore = await lacks("haproxy") || await lacksSystemd();

const TEMPLATE = "haproxy-multi@.service";
const UNIT = "haproxy-multi@web.service";

/** Maximum exposure in `systemd-analyze security`, in tenths. */
const THRESHOLD = "27";

async function units(): Promise<Record<string, string>> {
  return {
    ...await exampleUnits(),
    [TEMPLATE]: await exampleUnit(`haproxy/${TEMPLATE}`),
  };
}

/** A machine with the files of the example. */
class Instance implements AsyncDisposable {
  private constructor(
    readonly machine: Machine,
    /** The directory that the unit has as /etc/haproxy. */
    readonly folder: string,
    /** The host that HAProxy listens on. */
    readonly hostname: string,
  ) {}

  /** Boots a machine with the example's template as web.cfg.erb, on port 80. */
  static async prepare(): Promise<Instance> {
    const machine = await Machine.start({ units: await units() });
    try {
      await withPackages(machine, "multibinder.service", TEMPLATE);
      const folder = `${machine.shared}/haproxy`;
      await Deno.mkdir(folder);
      await machine.install({
        [`${TEMPLATE}.d/machine.conf`]: [
          "[Service]",
          `BindPaths=${folder}:/etc/haproxy`,
          // systemd reads it, and sees the host's /etc/haproxy.
          `EnvironmentFile=-${folder}/%i.env`,
          // The npm packages are in the host's cache.
          denoEnvironment(),
        ].join("\n"),
      });
      // HAProxy's chroot in Debian's package.
      await machine.run("mkdir", "/var/lib/haproxy");
      const hostname = privilegedAddress().split(":")[0]!;
      const instance = new Instance(machine, folder, hostname);
      await instance.write(await instance.example());
      return instance;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
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

  /** The example's template, with `text` as the response. */
  async example(text = "hello from haproxy"): Promise<string> {
    const template = await Deno.readTextFile(
      treePath("examples/haproxy/web.cfg.erb"),
    );
    return template.replace("'127.0.0.1', 8080", `'${this.hostname}', 80`)
      .replace("hello from haproxy", text);
  }

  /** Writes the template. */
  async write(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/web.cfg.erb`, text);
  }

  /** Runs `systemctl VERB` on the unit. */
  systemctl(verb: string): Promise<CommandResult> {
    return this.machine.systemctl(verb, UNIT);
  }

  /** Reloads the unit, which must succeed. */
  async reload(): Promise<void> {
    const { code, errors } = await this.systemctl("reload");
    assertEquals(code, 0, errors + await this.log());
  }

  /** A property of the unit. */
  property(name: string): Promise<string> {
    return this.machine.property(UNIT, name);
  }

  /** The serving HAProxy, from `systemctl status`. */
  async serving(): Promise<number> {
    const text = await this.property("StatusText");
    return Number(/^HAProxy (\d+) serves/.exec(text)?.[1]);
  }

  /** The output of the unit. */
  log(): Promise<string> {
    return this.machine.journal(UNIT);
  }

  /** Sends a request on a new connection. */
  async ask(): Promise<string> {
    const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    try {
      const url = `http://${this.hostname}/`;
      return await (await within(fetch(url, { client }), "an answer")).text();
    } finally {
      client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}

Deno.test({
  name: "systemd-analyze verify finds no problem in haproxy-multi@.service",
  ignore,
  fn: async () => {
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
});

Deno.test({
  name: "systemd-analyze security gives haproxy-multi@.service at most 2.7",
  ignore: await lacks("systemd-analyze"),
  fn: async () => {
    const { code, stdout } = await new Deno.Command("systemd-analyze", {
      args: [
        "security",
        "--offline=true",
        `--threshold=${THRESHOLD}`,
        "--no-pager",
        treePath(`examples/haproxy/${TEMPLATE}`),
      ],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stdout));
  },
});

Deno.test({
  name:
    "haproxy-multi@web serves port 80 as a user without capabilities and without the daemon's group",
  ignore,
  fn: async () => {
    await using instance = await Instance.start();
    const { machine } = instance;
    assertEquals(await instance.ask(), "hello from haproxy\n");
    const pid = await instance.serving();
    const { output } = await machine.run("cat", `/proc/${pid}/status`);
    const { output: uid } = await machine.run("id", "-u", "haproxy");
    const { output: gid } = await machine.run("id", "-g", "haproxy");
    assertMatch(output, new RegExp(`^Uid:\t${uid}\t${uid}\t`, "m"));
    assertMatch(output, new RegExp(`^Groups:\t(${gid})? *$`, "m"));
    assertMatch(output, /^CapEff:\t0+$/m);
    const file = "/run/haproxy-multi/web/haproxy.pid";
    assertEquals((await machine.run("cat", file)).output, String(pid));
    const { output: listening } = await machine.systemctl(
      "show",
      "--value",
      "-p",
      "ActiveState",
      "multibinder.service",
    );
    assertEquals(listening, "active");
  },
});

Deno.test({
  name:
    "systemctl reload returns when the next HAProxy serves, and loses no connection",
  ignore,
  fn: async () => {
    await using instance = await Instance.start();
    const end = new AbortController();
    const address = { hostname: instance.hostname, port: 80 };
    const clients = load(address, 4, end.signal);
    const seen = new Set([await instance.serving()]);
    for (const text of ["second", "third", "fourth"]) {
      await instance.write(await instance.example(text));
      await instance.reload();
      seen.add(await instance.serving());
      await eventually(
        `an answer of the ${text}`,
        async () => await instance.ask() === `${text}\n`,
      );
    }
    end.abort();
    const { losses, answers } = await clients;
    assertEquals(losses, []);
    assertEquals(seen.size, 4, await instance.log());
    assert(answers.size >= 3, [...answers.keys()].join());
    assertEquals(await instance.property("NRestarts"), "0");
  },
});

Deno.test({
  name:
    "a reload with an invalid template fails, shows the reason in the status, and changes nothing",
  ignore,
  fn: async () => {
    await using instance = await Instance.start();
    const pid = await instance.serving();
    await instance.write("\n<%= nope %>\n");
    assertNotEquals((await instance.systemctl("reload")).code, 0);
    const status = await instance.systemctl("status");
    assertMatch(
      status.output,
      /Status: "HAProxy \d+ serves; the last reload failed: .*web\.cfg\.erb:2: ReferenceError: nope is not defined"/,
    );
    assertMatch(status.output, /Active: active \(running\)/);
    assertEquals(await instance.serving(), pid);
    assertEquals(await instance.ask(), "hello from haproxy\n");

    await instance.write(await instance.example("mended"));
    await instance.reload();
    const text = await instance.property("StatusText");
    assert(!text.includes("failed"), text);
    assertNotEquals(await instance.serving(), pid);
    await eventually(
      "an answer of the corrected one",
      async () => await instance.ask() === "mended\n",
    );
  },
});

Deno.test({
  name:
    "a configuration that HAProxy rejects fails the reload and changes nothing",
  ignore,
  fn: async () => {
    await using instance = await Instance.start();
    const before = await Deno.readTextFile(`${instance.folder}/web.cfg`);
    const pid = await instance.serving();
    const good = await instance.example();
    await instance.write(good.replace("mode http", "mode nonsense"));
    assertNotEquals((await instance.systemctl("reload")).code, 0);
    assertMatch(
      await instance.log(),
      /HAProxy rejects the configuration[^\n]*:\n[\s\S]*mode.*nonsense/,
    );
    assertEquals(await instance.serving(), pid);
    assertEquals(await instance.ask(), "hello from haproxy\n");
    const after = await Deno.readTextFile(`${instance.folder}/web.cfg`);
    assertEquals(after, before);
  },
});

Deno.test({
  name:
    "after kill -9 of HAProxy or of the wrapper, new connections are served",
  ignore,
  fn: async () => {
    await using instance = await Instance.start();
    const { machine } = instance;
    const killed = await instance.serving();
    await machine.run("kill", "-KILL", String(killed));
    assertEquals(await instance.ask(), "hello from haproxy\n");
    await eventually(
      "the next HAProxy in the status",
      async () => ![NaN, killed].includes(await instance.serving()),
    );
    assertEquals(await instance.property("NRestarts"), "0");

    await machine.kill(UNIT);
    assertEquals(await instance.ask(), "hello from haproxy\n");
    await eventually(
      "systemd's restart",
      async () => await instance.property("ActiveState") === "active",
    );
    assertEquals(await instance.property("NRestarts"), "1");
  },
});

Deno.test({
  name:
    "systemctl stop ends cleanly and leaves neither a process nor a pid file",
  ignore,
  fn: async () => {
    await using instance = await Instance.start();
    const group = await instance.property("ControlGroup");
    assertEquals((await instance.systemctl("stop")).code, 0);
    const { machine } = instance;
    assertEquals(await instance.property("Result"), "success");
    assertEquals(await instance.property("ActiveState"), "inactive");
    for (const path of [`/sys/fs/cgroup${group}`, "/run/haproxy-multi/web"]) {
      assertEquals((await machine.run("test", "-e", path)).code, 1, path);
    }
  },
});

Deno.test({
  name: "a unit with a .mb template and a variable, by its own .env file",
  ignore,
  fn: async () => {
    await using instance = await Instance.prepare();
    const { folder } = instance;
    await Deno.rename(`${folder}/web.cfg.erb`, `${folder}/web.cfg.mb`);
    const text = await instance.example("<%= ENV['GREETING'] %>");
    await Deno.writeTextFile(`${folder}/web.cfg.mb`, text);
    await Deno.writeTextFile(
      `${folder}/web.env`,
      'CONFIG=/etc/haproxy/web.cfg.mb\nGREETING="good morning"\n',
    );
    const { code, errors } = await instance.systemctl("start");
    assertEquals(code, 0, errors + await instance.log());
    assertEquals(await instance.ask(), "good morning\n");
  },
});

Deno.test({
  name:
    "haproxy-multi@web without root: the drop-in of docs/haproxy.md, and a reload",
  ignore,
  fn: async () => {
    await using instance = await Instance.prepare();
    const { machine, folder } = instance;
    await machine.install({
      [`${TEMPLATE}.d/user.conf`]:
        "[Service]\nUser=haproxy\nCapabilityBoundingSet=\nEnvironment=HAPROXY_USER=\n",
    });
    await machine.run("chown", "haproxy", folder);
    const { code, errors } = await instance.systemctl("start");
    assertEquals(code, 0, errors + await instance.log());
    assertEquals(await instance.ask(), "hello from haproxy\n");
    const { output: uid } = await machine.run("id", "-u", "haproxy");
    const pid = await machine.mainPid(UNIT);
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    assertMatch(status, new RegExp(`^Uid:\t${uid}\t`, "m"));
    await instance.write(await instance.example("second"));
    await instance.reload();
    await eventually(
      "an answer of the second",
      async () => await instance.ask() === "second\n",
    );
  },
});

Deno.test({
  name:
    "a template that names its user and group, with a master and a stats socket, reloads and stops under the unit",
  ignore,
  fn: async () => {
    await using instance = await Instance.prepare();
    const { machine } = instance;
    const text = (await instance.example()).replace(
      /<% if[^]*<% } -%>\n/,
      "user haproxy\n group haproxy\n daemon\n master-worker\n" +
        " stats socket /run/haproxy-multi/web/admin.sock mode 660 level admin\n",
    );
    await instance.write(text);
    const { code, errors } = await instance.systemctl("start");
    assertEquals(code, 0, errors + await instance.log());
    const group = await instance.property("ControlGroup");
    for (const answer of ["second", "third"]) {
      await instance.write(text.replace("hello from haproxy", answer));
      await instance.reload();
      await eventually(
        `an answer of the ${answer}`,
        async () => await instance.ask() === `${answer}\n`,
      );
    }
    assertEquals((await instance.systemctl("stop")).code, 0);
    assertEquals(await instance.property("Result"), "success");
    const { code: left } = await machine.run(
      "test",
      "-e",
      `/sys/fs/cgroup${group}`,
    );
    assertEquals(left, 1, await instance.log());
  },
});
