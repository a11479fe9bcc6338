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
  "after SIGHUP the new policy decides, also for who is connected and about what is held",
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
    // Nothing is read before somebody says so.
    await assertDenied(web, "bind", { address: two, port: 0 });
    const line = await server.reread();
    assertStringIncludes(line, "INFO policy read");
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
  ["is no JSON", GOOD.replace('"all"', '"all'), 3, "no JSON"],
  ["is empty", "", 1, "no JSON: value expected"],
  ["is cut off", GOOD.slice(0, -1), 5, "no JSON"],
  ["has an unknown key", GOOD.replace("name", "nmae"), 3, 'no "nmae"'],
  [
    "names a user whom nobody knows",
    GOOD.replace('"name": "all"', '\n"user": ["root", "no-such-user"]'),
    4,
    'there is no user "no-such-user"',
  ],
  [
    "names a group that nobody knows",
    GOOD.replace('"name": "all"', '"group": "no-such-group"'),
    3,
    'there is no group "no-such-group"',
  ],
  [
    "has a bad pattern",
    GOOD.replace('"name": "all"', '"addresses": ["localhost:80"]'),
    3,
    "is not numeric",
  ],
  [
    "has one bad rule behind a good one",
    GOOD.replace("}\n]", '},\n\n{ "methods": ["unbind"] }\n]'),
    5,
    'not "unbind"',
  ],
];

for (const [what, text, line, reason] of BAD) {
  Deno.test(
    `a policy that ${what} is refused with its line, and the old one stays`,
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
      assertStringIncludes(logged, "ERROR policy refused, the old one stays");
      assertStringIncludes(logged, `${server.policyPath}:${line}: `);
      assertStringIncludes(logged, reason.replaceAll('"', '\\"'));
      await assertBinds(web, { address: host, port: 0 });
      await assertDenied(web, "bind", { address: loopbackHost(), port: 0 });
      await assertDenied(web, "list");
      assertEquals((await server.daemon.status()).policy, before);

      await server.write(OBSERVER);
      assertStringIncludes(await server.reread(), "policy read");
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
    `a policy that ${what} is refused by its path, and the old one stays`,
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
      assertStringIncludes(logged, "ERROR policy refused, the old one stays");
      assertStringIncludes(logged, server.policyPath);
      await assertBinds(web, { address: host, port: 0 });
      await assertDenied(web, "bind", { address: loopbackHost(), port: 0 });
    },
  );
}

Deno.test("of many SIGHUPs at once the last policy is the one in force", {
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
  "clients that ask all the while are decided by the old policy or the new one, never by none",
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
  await daemon.program.errors.next("SIGHUP: there is no policy to read again");
  const { generation, policy } = await daemon.status();
  assertEquals([generation, policy], [1, undefined]);
});

Deno.test("status shows the policy in force, its rules, and when it was read", {
  ignore: cannotBecomeOthers,
}, async () => {
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
});
