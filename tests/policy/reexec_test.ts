import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MINIMAL_FLAGS } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import type { RuleText } from "../support/policy/asking.ts";
import { loopbackHost } from "../support/loopback.ts";
import { treePath } from "../support/tree.ts";
import { cannotBecomeOthers, WEB } from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";

/** A version that passes the check although the policy is invalid. */
const UNCHECKED_POLICY = {
  program: [
    Deno.execPath(),
    "run",
    ...MINIMAL_FLAGS,
    treePath("tests/support/policy/passes_every_check.ts"),
  ],
};

function ruleFor(host: string): RuleText {
  return { name: "web", user: 1500, addresses: [`${host}:*`] };
}

/** Changes after which the next generation cannot use the file. */
const SPOILED: [
  what: string,
  spoil: (path: string) => Promise<void>,
  says: string,
][] = [
  ["a bad", (path) => Deno.writeTextFile(path, '{\n"rules": [\n'), ":3:"],
  ["a missing", (path) => Deno.remove(path), "No such file or directory"],
];

Deno.test(
  "a re-exec reads the policy again, also for connected clients",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const [one, two] = [loopbackHost(), loopbackHost()];
    await using server = await PolicyDaemon.start(
      [ruleFor(one), OBSERVER],
    );
    await using web = await server.as(WEB);
    const socket = await assertBinds(web, { address: one, port: 0 });
    await server.daemon.reexec();
    assertEquals(await assertBinds(web, { address: one, port: 0 }), socket);
    await assertDenied(web, "bind", { address: two, port: 0 });

    await server.write(ruleFor(two), OBSERVER, OBSERVER);
    await server.daemon.reexec();
    await assertDenied(web, "bind", { address: one, port: 0 });
    await assertBinds(web, { address: two, port: 0 });
    const { generation, policy, binds } = await server.daemon.status();
    assertEquals([generation, policy?.rules, binds], [3, 3, 2]);
  },
);

for (const [what, spoil, says] of SPOILED) {
  Deno.test(
    `with ${what} policy an upgrade is abandoned and the old policy stays in force`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const host = loopbackHost();
      await using server = await PolicyDaemon.start(
        [ruleFor(host), OBSERVER],
      );
      await using web = await server.as(WEB);
      const socket = await assertBinds(web, { address: host, port: 0 });
      await spoil(server.policyPath);
      const { program } = server.daemon;
      program.signal("SIGUSR1");
      const line = await program.errors.next("upgrade abandoned");
      assertStringIncludes(line, server.policyPath);
      assertStringIncludes(line, says);
      assertEquals(await assertBinds(web, { address: host, port: 0 }), socket);
      await assertDenied(web, "bind", { address: loopbackHost(), port: 0 });
      assertEquals((await server.daemon.status()).generation, 1);
    },
  );

  Deno.test(
    `if a checked version finds ${what} policy, the old policy stays in force`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const host = loopbackHost();
      await using server = await PolicyDaemon.start(
        [ruleFor(host), OBSERVER],
        UNCHECKED_POLICY,
      );
      await using web = await server.as(WEB);
      const socket = await assertBinds(web, { address: host, port: 0 });
      await spoil(server.policyPath);
      // The second re-exec gets the text from the first.
      for (const generation of [2, 3]) {
        await server.daemon.reexec();
        const line = await server.daemon.program.errors.next("policy rejected");
        assertStringIncludes(line, "the previous one stays in force");
        assertStringIncludes(line, server.policyPath);
        assertStringIncludes(line, says);
        assertEquals(
          await assertBinds(web, { address: host, port: 0 }),
          socket,
        );
        await assertDenied(web, "bind", { address: loopbackHost(), port: 0 });
        await assertDenied(web, "list");
        const { policy, ...status } = await server.daemon.status();
        assertEquals(status.generation, generation);
        assertEquals([policy?.path, policy?.rules], [server.policyPath, 2]);
        assertStringIncludes(policy?.rejected?.reason ?? "", server.policyPath);
      }
      await server.write(OBSERVER);
      assertStringIncludes(await server.reread(), "policy reloaded");
      await assertDenied(web, "bind", { address: host, port: 0 });
    },
  );
}

Deno.test(
  "a re-exec keeps the policy of the last SIGHUP",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const [one, two] = [loopbackHost(), loopbackHost()];
    await using server = await PolicyDaemon.start(
      [ruleFor(one), OBSERVER],
      UNCHECKED_POLICY,
    );
    await using web = await server.as(WEB);
    await server.write(ruleFor(two), OBSERVER);
    await server.reread();
    await Deno.writeTextFile(server.policyPath, "{");
    await server.reread();
    await server.daemon.reexec();
    await assertDenied(web, "bind", { address: one, port: 0 });
    await assertBinds(web, { address: two, port: 0 });
  },
);

Deno.test(
  "the daemon survives SIGHUPs during a re-exec, and the policy is in force after it",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const host = loopbackHost();
    await using server = await PolicyDaemon.start([ruleFor(host), OBSERVER]);
    await using web = await server.as(WEB);
    const { program } = server.daemon;
    for (let generation = 2; generation <= 4; generation++) {
      program.signal("SIGUSR1");
      let listening = false;
      const next = server.daemon.listening().then(() => listening = true);
      while (!listening) {
        program.signal("SIGHUP");
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await next;
      await assertBinds(web, { address: host, port: 0 });
      await assertDenied(web, "bind", { address: loopbackHost(), port: 0 });
      const { generation: reached } = await server.daemon.status();
      assert(reached >= generation, `generation ${reached}`);
    }
    assertEquals((await server.daemon.status()).pid, server.daemon.pid);
  },
);

Deno.test(
  "every request is denied if the old policy is invalid too because a user was deleted",
  {
    ignore: cannotBecomeOthers || await lacks("unshare"),
  },
  async () => {
    await using server = await PolicyDaemon.start([OBSERVER], {
      ...UNCHECKED_POLICY,
      // The daemon has its own /etc/passwd, in which the test changes `guest`.
      under: [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'passwd=$(mktemp) && cat /etc/passwd > "$passwd" && ' +
        'echo multibinder-guest:x:1500:1600::/:/bin/false >> "$passwd" && ' +
        'mount --bind "$passwd" /etc/passwd && rm "$passwd" && exec "$@"',
        "sh",
      ],
    });
    const host = loopbackHost();
    const guest = {
      name: "guest",
      user: "multibinder-guest",
      addresses: [`${host}:*`],
    };
    await server.write(guest, OBSERVER);
    assertStringIncludes(await server.reread(), "policy reloaded");
    await using web = await server.as(WEB);
    await assertBinds(web, { address: host, port: 0 });

    const passwd = `/proc/${server.daemon.pid}/root/etc/passwd`;
    await Deno.writeTextFile(passwd, await Deno.readTextFile("/etc/passwd"));
    await server.daemon.reexec();
    const { errors } = server.daemon.program;
    const last = await errors.next("every request is denied");
    await errors.sees("the previous one stays in force");
    assertStringIncludes(last, 'user \\"multibinder-guest\\" does not exist');
    await assertDenied(web, "bind", { address: host, port: 0 });
    for (const user of [WEB, { uid: 0, gid: 0 }]) {
      await using asking = await server.as(user);
      for (const method of ["list", "status"]) {
        await assertDenied(asking, method);
      }
      await assertDenied(asking, "bind", { address: host, port: 0 });
    }
    await server.write(OBSERVER);
    assertStringIncludes(await server.reread(), "policy reloaded");
    assertEquals((await server.held()).length, 1);
  },
);
