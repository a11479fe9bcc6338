import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Status } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { within } from "../support/program.ts";
import { loopbackHost } from "../support/loopback.ts";
import { cannotBecomeOthers, WEB } from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import {
  OBSERVER,
  PolicyDaemon,
  policyText,
} from "../support/policy/policy_daemon.ts";

Deno.test(
  "after SIGHUP the new policy applies to connected clients and held sockets",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const [one, two] = [loopbackHost(), loopbackHost()];
    const rule = (host: string) => {
      return { name: "web", user: 1500, addresses: [`${host}:*`] };
    };
    await using server = await PolicyDaemon.start([rule(one), OBSERVER]);
    await using web = await server.as(WEB);
    await assertBinds(web, { address: one, port: 0 });
    await assertDenied(web, "bind", { address: two, port: 0 });

    await server.write(rule(two), OBSERVER);
    // The daemon does not read the file before SIGHUP.
    await assertDenied(web, "bind", { address: two, port: 0 });
    const line = await server.reread();
    assertStringIncludes(line, "INFO policy reloaded");
    assertStringIncludes(line, `path=${server.policyPath} rules=2`);

    for (const method of ["bind", "release"]) {
      await assertDenied(web, method, { address: one, port: 0 });
    }
    await assertBinds(web, { address: two, port: 0 });
    const held = await server.held();
    assertEquals(held.map(({ handed_out }) => handed_out), [1, 1]);
  },
);

const GOOD = '{\n"rules": [\n  { "name": "all" }\n]\n}';

const BAD: [what: string, text: string, line: number, reason: string][] = [
  ["is not JSON", GOOD.replace('"all"', '"all'), 3, "invalid JSON"],
  ["is empty", "", 1, "invalid JSON: expected a value"],
  ["is truncated", GOOD.slice(0, -1), 5, "invalid JSON"],
  ["has an unknown key", GOOD.replace("name", "nmae"), 3, 'unknown key "nmae"'],
  [
    "names an unknown user",
    GOOD.replace('"name": "all"', '\n"user": ["root", "no-such-user"]'),
    4,
    'user "no-such-user" does not exist',
  ],
  [
    "names an unknown group",
    GOOD.replace('"name": "all"', '"group": "no-such-group"'),
    3,
    'group "no-such-group" does not exist',
  ],
  [
    "has an invalid pattern",
    GOOD.replace('"name": "all"', '"addresses": ["localhost:80"]'),
    3,
    "expected a numeric address",
  ],
  [
    "has an invalid rule after a valid one",
    GOOD.replace("}\n]", '},\n\n{ "methods": ["unbind"] }\n]'),
    5,
    'invalid methods "unbind"',
  ],
];

for (const [what, text, line, reason] of BAD) {
  Deno.test(
    `a policy that ${what} is rejected with its line, and the old one stays in force`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const host = loopbackHost();
      const rule = { name: "web", user: 1500, addresses: [`${host}:*`] };
      await using server = await PolicyDaemon.start([rule, OBSERVER]);
      await using web = await server.as(WEB);
      const before = (await server.daemon.status()).policy;
      await Deno.writeTextFile(server.policyPath, text);
      const logged = await server.reread();
      assertStringIncludes(
        logged,
        "ERROR policy rejected, the previous one stays in force",
      );
      assertStringIncludes(logged, `${server.policyPath}:${line}:`);
      assertStringIncludes(logged, reason.replaceAll('"', '\\"'));
      await assertBinds(web, { address: host, port: 0 });
      await assertDenied(web, "bind", { address: loopbackHost(), port: 0 });
      await assertDenied(web, "list");
      const { rejected, ...shown } = (await server.daemon.status()).policy!;
      assertEquals(shown, before);
      assertStringIncludes(rejected!.reason, reason);
      assert(rejected!.at >= before!.loaded_at);

      await server.write(OBSERVER);
      assertStringIncludes(await server.reread(), "policy reloaded");
      const { policy } = await server.daemon.status();
      assertEquals(policy?.rejected, undefined);
      await assertDenied(web, "bind", { address: host, port: 0 });
    },
  );
}

for (
  const [what, spoil] of [
    ["is gone", (path: string) => Deno.remove(path)],
    ["has become a directory", async (path: string) => {
      await Deno.remove(path);
      await Deno.mkdir(path);
    }],
  ] as const
) {
  Deno.test(
    `a policy that ${what} is rejected with its path, and the old one stays in force`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const host = loopbackHost();
      const rule = { name: "web", user: 1500, addresses: [`${host}:*`] };
      await using server = await PolicyDaemon.start([rule]);
      await using web = await server.as(WEB);
      await spoil(server.policyPath);
      const logged = await server.reread();
      assertStringIncludes(
        logged,
        "ERROR policy rejected, the previous one stays in force",
      );
      assertStringIncludes(logged, server.policyPath);
      await assertBinds(web, { address: host, port: 0 });
      await assertDenied(web, "bind", { address: loopbackHost(), port: 0 });
    },
  );
}

Deno.test("after many SIGHUPs the last policy is in force", {
  ignore: cannotBecomeOthers,
}, async () => {
  const host = loopbackHost();
  await using server = await PolicyDaemon.start([OBSERVER]);
  await using web = await server.as(WEB);
  const { program } = server.daemon;
  for (let turn = 1; turn <= 50; turn++) {
    const rules = Array.from({ length: turn }, () => ({ user: 7 }));
    const text = turn % 7 === 3 ? "{" : policyText(...rules, OBSERVER);
    await Deno.writeTextFile(server.policyPath, text);
    program.signal("SIGHUP");
    program.signal("SIGHUP");
    await assertDenied(web, "bind", { address: host, port: 0 });
  }
  const last = { user: 1500, addresses: [`${host}:*`] };
  await server.write(last, OBSERVER);
  program.signal("SIGHUP");
  await eventually(
    "the last policy",
    async () => (await server.daemon.status()).policy?.rules === 2,
  );
  await assertBinds(web, { address: host, port: 0 });
  assertEquals((await server.daemon.status()).generation, 1);
});

Deno.test(
  "during SIGHUPs each request is decided by the old or by the new policy",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const [one, two, never] = [loopbackHost(), loopbackHost(), loopbackHost()];
    const rule = (name: string, host: string) => {
      return { name, user: 1500, addresses: [`${host}:*`] };
    };
    await using server = await PolicyDaemon.start([rule("one", one)]);
    await using web = await server.as(WEB);
    await using other = await server.as(WEB);
    let asked = 0;
    let switched = 0;
    let over = false;
    const rereading = (async () => {
      for (let turn = 0; asked < 50 || switched < 4; turn++) {
        const next = turn % 2 === 0 ? rule("two", two) : rule("one", one);
        await server.write(next);
        await server.reread();
      }
    })().finally(() => over = true);
    const asking = (async () => {
      for (; !over; asked++) {
        await assertDenied(web, "bind", { address: never, port: 0 });
      }
    })();
    const watching = (async () => {
      let last = true;
      while (!over) {
        const { answer } = await other.ask("bind", [{ address: one, port: 0 }]);
        const granted = answer.result === true;
        if (last !== granted) switched++;
        last = granted;
      }
    })();
    await within(
      Promise.all([rereading, asking, watching]),
      () => `50 denials and 4 changes, only ${asked} and ${switched}`,
    );
  },
);

Deno.test("SIGHUP without a policy changes nothing", async () => {
  await using daemon = await Daemon.start();
  daemon.program.signal("SIGHUP");
  await daemon.program.errors.next("SIGHUP ignored: the daemon has no policy");
  const { generation, policy } = await daemon.status();
  assertEquals([generation, policy], [1, undefined]);
});

Deno.test(
  "status shows the policy in force, its number of rules and when it was read",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const began = Date.now();
    await using server = await PolicyDaemon.start([{ methods: ["status"] }]);
    await using web = await server.as(WEB);
    const shown = async () => {
      const { answer } = await web.ask("status");
      return (answer.result as Status).policy!;
    };
    const first = await shown();
    assertEquals([first.path, first.rules], [server.policyPath, 1]);
    assert(Date.parse(first.loaded_at) >= began, first.loaded_at);
    await server.write({ methods: ["status"] }, OBSERVER, OBSERVER);
    assertEquals(await shown(), first);
    await server.reread();
    const second = await shown();
    assertEquals([second.path, second.rules], [server.policyPath, 3]);
    assert(second.loaded_at >= first.loaded_at);
    await server.write({ user: 0 });
    await server.reread();
    await assertDenied(web, "status");
  },
);
