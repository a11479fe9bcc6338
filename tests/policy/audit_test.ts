import { assert, assertEquals, assertMatch } from "@std/assert";
import { requestText } from "../support/raw_connection.ts";
import { loopbackHost } from "../support/loopback.ts";
import {
  cannotBecomeOthers,
  type OtherUser,
  WEB,
} from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";

/** A daemon, a client of user web, and an allowed and a denied address. */
class Audited implements AsyncDisposable {
  readonly own = { address: loopbackHost(), port: 0 };
  readonly taken = { address: loopbackHost(), port: 0 };

  private constructor(
    readonly server: PolicyDaemon,
    readonly web: OtherUser,
  ) {}

  static async start(...args: string[]): Promise<Audited> {
    const server = await PolicyDaemon.start([OBSERVER], { args });
    const audited = new Audited(server, await server.as(WEB));
    await server.write(
      { addresses: [`${audited.taken.address}:*`], decision: "deny" },
      { name: "web one", user: 1500, addresses: [`${audited.own.address}:*`] },
      { user: 1500, methods: ["status"] },
      OBSERVER,
    );
    await server.reread();
    return audited;
  }

  /** The log lines of decisions until now. */
  async lines(): Promise<string[]> {
    const { program } = this.server.daemon;
    // The log is in order: this line is the last one.
    const last = crypto.randomUUID();
    await this.web.ask("bind", [{ [last]: true }]);
    await program.errors.next(last);
    return program.errors.text.split("\n")
      .filter((line) => /\bdecision\b/.test(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.web[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

Deno.test(
  "each grant and each denial is logged with client, request, decision and rule",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using audited = await Audited.start();
    const { web, own, taken } = audited;
    await assertBinds(web, own);
    await assertBinds(web, own);
    await assertDenied(web, "bind", taken, "rule 1");
    await assertDenied(web, "bind", { path: "@other" });
    await assertDenied(web, "release", taken, "rule 1");
    await assertDenied(web, "list");
    await web.ask("status");
    await web.ask("release", [own]);

    const who = `pid=${web.pid} uid=1500 gid=1600`;
    const granted = `decision=granted rule="rule 2 \\(web one\\)"`;
    const expected = [
      `INFO bind granted address=${own.address}:0 new=true ${who} ${granted}`,
      `INFO bind granted address=${own.address}:0 new=false ${who} ${granted}`,
      `WARN request denied method=bind address=${taken.address}:0 decision=denied rule="rule 1" ${who}`,
      `WARN request denied method=bind address=unix:@other decision=denied rule="no rule" ${who}`,
      `WARN request denied method=release address=${taken.address}:0 decision=denied rule="rule 1" ${who}`,
      `WARN request denied method=list decision=denied rule="no rule" ${who}`,
      `INFO release granted address=${own.address}:0 ${who} ${granted}`,
    ];
    const lines = await audited.lines();
    assertEquals(lines.length, expected.length, lines.join("\n"));
    for (const [index, line] of lines.entries()) {
      assertMatch(line, new RegExp(`^${TIME} ${expected[index]}$`));
    }
  },
);

Deno.test(
  "with --log-format json each decision is logged as an object with the same fields",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using audited = await Audited.start("--log-format", "json");
    const { web, own, taken } = audited;
    await assertBinds(web, own);
    await assertDenied(web, "bind", taken, "rule 1");
    await assertDenied(web, "list");
    await web.ask("release", [own]);

    const who = { pid: web.pid, uid: 1500, gid: 1600 };
    const granted = { decision: "granted", rule: "rule 2 (web one)", ...who };
    const denied = { decision: "denied", ...who };
    const address = `${own.address}:0`;
    const lines = (await audited.lines()).map((line) => JSON.parse(line));
    for (const { time } of lines) assertMatch(time, new RegExp(`^${TIME}$`));
    assertEquals(
      lines.map(({ time: _time, ...fields }) => fields),
      [
        {
          level: "info",
          message: "bind granted",
          address,
          new: true,
          ...granted,
        },
        {
          level: "warn",
          message: "request denied",
          method: "bind",
          address: `${taken.address}:0`,
          rule: "rule 1",
          ...denied,
        },
        {
          level: "warn",
          message: "request denied",
          method: "list",
          rule: "no rule",
          ...denied,
        },
        { level: "info", message: "release granted", address, ...granted },
      ],
    );
  },
);

Deno.test("a granted list or status is logged at --log-level debug", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using audited = await Audited.start("--log-level", "debug");
  const { web } = audited;
  await web.ask("status");
  await assertDenied(web, "list");
  const [status, list, ...more] = await audited.lines();
  const who = `pid=${web.pid} uid=1500 gid=1600`;
  assertMatch(
    status!,
    new RegExp(`DEBUG status granted ${who} decision=granted rule="rule 3"$`),
  );
  assertMatch(
    list!,
    /WARN request denied method=list decision=denied rule="no rule"/,
  );
  assertEquals(more, []);
});

Deno.test(
  "for a batch with a denied member the log has the denial and no grant",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using audited = await Audited.start();
    const { web, own, taken } = audited;
    const batch = [own, taken, own]
      .map((params, id) => requestText(id, "bind", [params]));
    const { descriptors } = await web.send(`[${batch.join(",")}]`);
    assertEquals(descriptors, []);
    const lines = await audited.lines();
    assertEquals(lines.length, 1, lines.join("\n"));
    assert(lines[0]!.includes(`denied method=bind address=${taken.address}:0`));
  },
);

Deno.test(
  "a requested address cannot forge a log line",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using audited = await Audited.start();
    const { web } = audited;
    const forged = "WARN denied decision=granted";
    const paths = [
      `@a\n${forged}`,
      `@a\r${forged}`,
      `@a\u2028${forged}`,
      `@a\u001b[2K${forged}`,
      `/tmp/a\n${forged}`,
      `@a" rule="rule 2`,
    ];
    for (const path of paths) await assertDenied(web, "bind", { path });
    const lines = await audited.lines();
    assertEquals(lines.length, paths.length, lines.join("\n"));
    for (const line of lines) {
      // deno-lint-ignore no-control-regex
      assert(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(line), line);
      assertMatch(
        line,
        new RegExp(
          `^${TIME} WARN request denied method=bind address="?unix:.* decision=denied ` +
            `rule="no rule" pid=${web.pid} uid=1500 gid=1600$`,
        ),
      );
    }
  },
);
