import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FileError } from "../../haproxy/configuration/config_file.ts";
import { trustedPath } from "../../haproxy/configuration/trusted_path.ts";
import { PidFile } from "../../haproxy/wrapper/pid_file.ts";
import { lacks } from "../support/foreign_program.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";
import { cannotBecomeOthers, MAIL } from "../support/policy/other_user.ts";
import { Scratch } from "../support/tree.ts";

const VICTIM = "root's file\n";

/** A directory like /tmp, with a file outside it that no test may change. */
class Shared implements AsyncDisposable {
  private constructor(
    readonly scratch: Scratch,
    readonly directory: string,
    readonly victim: string,
  ) {}

  static async make(mode = 0o1777): Promise<Shared> {
    const scratch = await Scratch.make();
    const directory = scratch.join("tmp");
    await Deno.mkdir(directory);
    await Deno.chmod(directory, mode);
    await Deno.mkdir(scratch.join("etc"));
    const victim = scratch.join("etc/victim.pid");
    await Deno.writeTextFile(victim, VICTIM);
    return new Shared(scratch, directory, victim);
  }

  /** A link that another user has made. */
  async othersLink(target: string, name: string): Promise<void> {
    await Deno.symlink(target, `${this.directory}/${name}`);
    const path = `${this.directory}/${name}`;
    await new Deno.Command("chown", { args: ["-h", `${MAIL.uid}`, path] })
      .output();
  }

  /** Asserts that the file outside is as it was, and alone. */
  async assertUntouched(): Promise<void> {
    assertEquals(await Deno.readTextFile(this.victim), VICTIM);
    const files = [...Deno.readDirSync(this.scratch.join("etc"))];
    assertEquals(files.map(({ name }) => name), ["victim.pid"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scratch[Symbol.asyncDispose]();
  }
}

const ATTACKS: Readonly<
  Record<string, (shared: Shared) => Promise<string>>
> = {
  "is a link": async (shared) => {
    await shared.othersLink(shared.victim, "victim.pid");
    return "victim.pid";
  },
  "is a link that leads nowhere": async (shared) => {
    await shared.othersLink(shared.scratch.join("etc/new.pid"), "victim.pid");
    return "victim.pid";
  },
  "has a link in its directory": async (shared) => {
    await shared.othersLink(shared.scratch.join("etc"), "run");
    return "run/victim.pid";
  },
  "has a link behind root's link in its directory": async (shared) => {
    await shared.othersLink(shared.scratch.join("etc"), "run");
    await Deno.symlink("run", `${shared.directory}/first`);
    return "first/victim.pid";
  },
  "has a directory of that user above it": async (shared) => {
    await Deno.mkdir(`${shared.directory}/run`);
    await Deno.chown(`${shared.directory}/run`, MAIL.uid, MAIL.gid);
    return "run/victim.pid";
  },
  "is a file": async (shared) => {
    await Deno.writeTextFile(`${shared.directory}/web.pid`, "");
    await Deno.chown(`${shared.directory}/web.pid`, MAIL.uid, MAIL.gid);
    return "web.pid";
  },
};

for (const mode of [0o1777, 0o777]) {
  for (const [what, prepare] of Object.entries(ATTACKS)) {
    Deno.test(
      `a pid file that another user has made in a directory of mode ${
        mode.toString(8)
      } is refused: it ${what}`,
      {
        ignore: cannotBecomeOthers,
      },
      async () => {
        await using shared = await Shared.make(mode);
        const path = `${shared.directory}/${await prepare(shared)}`;
        using file = new PidFile(path);
        const { message } = assertThrows(() => file.write(1), FileError);
        assertStringIncludes(message, `cannot write ${path}`);
        assertStringIncludes(message, `user ${MAIL.uid}`);
        await shared.assertUntouched();
      },
    );
  }
}

Deno.test("another user's link is refused as a pid file in every directory", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using shared = await Shared.make(0o755);
  await shared.othersLink(shared.victim, "web.pid");
  using file = new PidFile(`${shared.directory}/web.pid`);
  assertThrows(() => file.write(1), FileError, `link of user ${MAIL.uid}`);
  await shared.assertUntouched();
});

Deno.test("a pid file that is a link of this user replaces the link", async () => {
  await using shared = await Shared.make();
  const path = `${shared.directory}/web.pid`;
  await Deno.symlink(shared.victim, path);
  using file = new PidFile(path);
  file.write(4711);
  assertEquals((await Deno.lstat(path)).isSymlink, false);
  assertEquals(await Deno.readTextFile(path), "4711\n");
  await shared.assertUntouched();
});

Deno.test("a pid file below a link of this user is written", async () => {
  await using shared = await Shared.make();
  await Deno.mkdir(shared.scratch.join("run"));
  await Deno.symlink("../run", `${shared.directory}/link`);
  using file = new PidFile(`${shared.directory}/link/web.pid`);
  file.write(1);
  file.write(2);
  assertEquals(
    await Deno.readTextFile(shared.scratch.join("run/web.pid")),
    "2\n",
  );
});

Deno.test(
  "a configuration is not written through another user's link in a shared directory",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using shared = await Shared.make();
    await shared.othersLink(shared.victim, "web.cfg");
    assertThrows(
      () => trustedPath(`${shared.directory}/web.cfg`),
      Error,
      `link of user ${MAIL.uid}`,
    );
  },
);

Deno.test("a link to itself is an error", async () => {
  await using shared = await Shared.make();
  await Deno.symlink("loop", `${shared.directory}/loop`);
  assertThrows(() => trustedPath(`${shared.directory}/loop/x`), Error, "links");
});

Deno.test({
  name: "HAProxy serves, and the wrapper reports a pid file that it refuses",
  ignore: cannotBecomeOthers || await lacks("haproxy"),
  fn: async () => {
    await using shared = await Shared.make();
    await shared.othersLink(shared.victim, "web.pid");
    const pid = `${shared.directory}/web.pid`;
    await using haproxy = await Wrapped.serving(template("v1"), ["-p", pid]);
    await haproxy.ask();
    await haproxy.program.errors.sees(`cannot write ${pid}`);
    await shared.assertUntouched();
  },
});
