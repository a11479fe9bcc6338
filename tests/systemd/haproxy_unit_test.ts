import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { underLoad, untilSeen } from "../support/serve/under_load.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { treePath } from "../support/tree.ts";
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
import {
  denoEnvironment,
  lacksSystemd,
  Machine,
} from "../support/systemd/machine.ts";

const ignore = await lacks("haproxy") || await lacksSystemd();

const TEMPLATE = "haproxy-multi@.service";
const UNIT = "haproxy-multi@web.service";

async function units(): Promise<Record<string, string>> {
  return {
    ...await exampleUnits(),
    [TEMPLATE]: await exampleUnit(`haproxy/${TEMPLATE}`),
  };
}

/** A machine with the files of the example. */
class HaproxyInstance extends Instance {
  /** Boots a machine with the example's template as web.cfg.erb, on port 80. */
  static async prepare(): Promise<HaproxyInstance> {
    const machine = await Machine.start({ units: await units() });
    const instance = new HaproxyInstance(machine, UNIT);
    const { folder } = instance;
    return await instance.after(
      () => withPackages(machine, "multibinder.service", TEMPLATE),
      () => Deno.mkdir(folder),
      () =>
        machine.install({
          [`${TEMPLATE}.d/machine.conf`]: [
            "[Service]",
            `BindPaths=${folder}:/etc/haproxy`,
            // systemd reads it, and sees the host's /etc/haproxy.
            `EnvironmentFile=-${folder}/%i.env`,
            // The npm packages are in the host's cache.
            denoEnvironment(),
          ].join("\n"),
        }),
      async () => {
        // HAProxy's chroot in Debian's package.
        await machine.run("mkdir", "/var/lib/haproxy");
        await instance.write(await instance.example());
      },
    );
  }

  /** Boots a machine and starts the unit. */
  static async start(): Promise<HaproxyInstance> {
    const instance = await HaproxyInstance.prepare();
    return await instance.after(() => instance.succeeds("start"));
  }

  /** The directory that the unit has as /etc/haproxy. */
  get folder(): string {
    return `${this.machine.shared}/haproxy`;
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

  /** The serving HAProxy, from `systemctl status`. */
  async serving(): Promise<number> {
    const text = await this.property("StatusText");
    return Number(/^HAProxy (\d+) serves/.exec(text)?.[1]);
  }
}

Deno.test({
  name: "systemd-analyze verify finds no problem in haproxy-multi@.service",
  ignore,
  fn: async () => await assertVerified(await units(), UNIT),
});

Deno.test({
  name: "systemd-analyze security gives haproxy-multi@.service at most 2.7",
  ignore: await lacks("systemd-analyze"),
  fn: () => assertExposure(`haproxy/${TEMPLATE}`, 27),
});

Deno.test({
  name:
    "haproxy-multi@web serves port 80 as a user without capabilities and without the daemon's group",
  ignore,
  fn: async () => {
    await using instance = await HaproxyInstance.start();
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
    await using instance = await HaproxyInstance.start();
    const address = { hostname: instance.hostname, port: 80 };
    const pids = new Set([await instance.serving()]);
    const { lost } = await underLoad(address, async (seen) => {
      for (const text of ["second", "third", "fourth"]) {
        await instance.write(await instance.example(text));
        await instance.succeeds("reload");
        pids.add(await instance.serving());
        await untilSeen(seen, new RegExp(`^${text}\n`));
      }
    }, { clients: 4, kinds: [false] });
    assertEquals(lost, []);
    assertEquals(pids.size, 4, await instance.log());
    assertEquals(await instance.property("NRestarts"), "0");
  },
});

Deno.test({
  name:
    "a reload with an invalid template fails, shows the reason in the status, and changes nothing",
  ignore,
  fn: async () => {
    await using instance = await HaproxyInstance.start();
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
    await instance.succeeds("reload");
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
    await using instance = await HaproxyInstance.start();
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
    await using instance = await HaproxyInstance.start();
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
    await using instance = await HaproxyInstance.start();
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
    await using instance = await HaproxyInstance.prepare();
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
    await using instance = await HaproxyInstance.prepare();
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
    await instance.succeeds("reload");
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
    await using instance = await HaproxyInstance.prepare();
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
      await instance.succeeds("reload");
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
