import { assertEquals, assertStringIncludes } from "@std/assert";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON } from "../support/run/supervised.ts";
import { Scratch, treePath } from "../support/tree.ts";
import { asUnprivileged, OpenScratch } from "../support/unprivileged.ts";

/** Only root can become another user. */
const ignore = Deno.uid() !== 0 || await lacks(PYTHON, "setpriv", "unshare");

/** Puts a user with supplementary groups into this mount namespace. */
const WITH_ACCOUNTS =
  'mount --bind "$1/passwd" /etc/passwd; mount --bind "$1/group" /etc/group; shift; exec "$@"';

async function withAccounts(scratch: Scratch): Promise<string[]> {
  await Deno.writeTextFile(
    scratch.join("passwd"),
    "root:x:0:0:root:/root:/bin/bash\nweb:x:4711:4712::/srv/web:/bin/zsh\n",
  );
  await Deno.writeTextFile(
    scratch.join("group"),
    "root:x:0:\nweb:x:4712:\nstaff:x:4713:web,root\nlogs:x:4714:web\nother:x:4715:\n",
  );
  return ["unshare", "--mount", "sh", "-ec", WITH_ACCOUNTS, "sh", scratch.path];
}

const VARIABLES = {
  HOME: "/srv/web",
  USER: "web",
  LOGNAME: "web",
  SHELL: "/bin/zsh",
};

const CASES = [
  { user: "web", uid: 4711, gid: 4712, groups: [4712, 4713, 4714] },
  { user: "4711", uid: 4711, gid: 4712, groups: [4712, 4713, 4714] },
  { user: "web:other", uid: 4711, gid: 4715, groups: [4713, 4714, 4715] },
  {
    user: "5000:5001",
    uid: 5000,
    gid: 5001,
    groups: [],
    variables: { HOME: "/", USER: "5000", LOGNAME: "5000", SHELL: "/bin/sh" },
  },
];

for (const { user, uid, gid, groups, variables = VARIABLES } of CASES) {
  Deno.test({
    name:
      `--user ${user}: the program has that user, its groups and no way back, and is ready by a child's READY=1`,
    ignore,
    fn: async () => {
      await using scratch = await Scratch.make();
      await using daemon = await Daemon.start();
      await using run = startClient(daemon, [
        "run",
        "--user",
        user,
        "--ready",
        "notify",
        "127.0.0.1:0",
        "--",
        PYTHON,
        treePath("tests/support/run/identity.py"),
      ], {
        // A shell drops it, and this program would be out of the user's reach.
        env: { "a.b": "1" },
        // Rights that an exec could keep.
        under: [
          ...await withAccounts(scratch),
          "setpriv",
          "--inh-caps=+chown,+kill,+setuid",
          "--ambient-caps=+chown,+kill,+setuid",
        ],
      });
      const identity = JSON.parse(await run.output.next("{"));
      assertEquals(identity, {
        uids: [uid, uid, uid],
        gids: [gid, gid, gid],
        groups,
        capabilities: Array(4).fill("0000000000000000"),
        becomesRoot: false,
        variables,
        receiver: true,
        socket: "127.0.0.1",
      });
      await run.errors.next("generation 1: ready");
      run.signal("SIGHUP");
      await run.errors.next("generation 2: ready");
      await run.errors.next("generation 1: process");
      run.signal("SIGTERM");
      assertEquals((await run.end()).code, 0);
    },
  });
}

Deno.test({
  name: "--user: a user or a group that does not exist is an error",
  ignore,
  fn: async () => {
    for (
      const [user, message] of [
        ["nobody-of-that-name", "the user nobody-of-that-name does not exist"],
        ["root:no-such-group", "the group no-such-group does not exist"],
        ["4294967295", "the user 4294967295 does not exist"],
        ["5000", "user 5000 has no group: write 5000:GROUP"],
        [":root", "expected USER or USER:GROUP"],
      ]
    ) {
      const { code, errors } = await runClient(undefined, [
        "run",
        "--user",
        user!,
        "127.0.0.1:0",
        "--",
        "true",
      ]);
      assertEquals(code, 2);
      assertStringIncludes(errors, message!);
    }
  },
});

Deno.test({
  name:
    "--user: a program that the user may not execute, or not get to, is an error at once",
  ignore,
  fn: async () => {
    await using scratch = await OpenScratch.make();
    await using daemon = await Daemon.start();
    const deno = scratch.join("deno");
    await Deno.copyFile(Deno.execPath(), deno);
    await Deno.chmod(deno, 0o744);
    const home = scratch.join("home");
    await Deno.mkdir(home, { mode: 0o700 });
    await Deno.symlink("/bin/sleep", `${home}/sleep`);
    const options = ["--user", "4711:4711", "--sock", daemon.sock];
    for (
      const [program, ...args] of [
        [deno, "serve", ...options, "127.0.0.1:0", "main.ts"],
        [`${home}/sleep`, "run", ...options, "127.0.0.1:0"],
        [`${home}/sleep`, "run", "--on-demand", ...options, "127.0.0.1:0"],
      ] as const
    ) {
      const command = args[0] === "serve" ? [] : ["--", program, "600"];
      const { code, errors } = await runClient(
        undefined,
        [...args, ...command],
        { deno },
      );
      assertEquals(code, 126);
      assertStringIncludes(
        errors,
        `cannot start ${program}: access ${program} as user 4711: Permission denied (EACCES)`,
      );
    }
  },
});

Deno.test({
  name: "--user needs root",
  ignore,
  fn: async () => {
    await using scratch = await OpenScratch.make();
    const { code, errors } = await runClient(
      undefined,
      ["run", "--user", "root", "127.0.0.1:0", "--", "true"],
      await asUnprivileged(scratch),
    );
    assertEquals(code, 2);
    assertStringIncludes(errors, "--user needs root");
  },
});
