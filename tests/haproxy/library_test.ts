import { assert, assertEquals, assertRejects } from "@std/assert";
import { supervise, TemplateError } from "../../haproxy/mod.ts";
import { ask } from "../support/activate/activated.ts";
import { portOf } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { childrenOf, runs } from "../support/process_life.ts";
import { Scratch } from "../support/tree.ts";
import { template } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

Deno.test({
  name: "supervise: reload, failed reload, and stop without leftovers",
  ignore,
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    const port = await portOf(daemon);
    const answers = (text: string) =>
      eventually(
        `an answer of ${text}`,
        async () => (await ask(port)).startsWith(`${text} `),
      );
    const path = scratch.join("web.cfg.erb");
    await Deno.writeTextFile(path, template("v1"));
    await withoutLeak(async () => {
      const lines: string[] = [];
      await using haproxy = await supervise({
        command: ["haproxy", "-f", path],
        sock: daemon.sock,
        report: (line) => lines.push(line),
      });
      const { serving } = haproxy;
      assert(serving !== undefined);
      await answers("v1");
      await Deno.writeTextFile(path, template("v2"));
      await haproxy.reload();
      assert(haproxy.serving !== serving);
      await answers("v2");
      await Deno.writeTextFile(path, "<%= nope %>");
      await assertRejects(() => haproxy.reload(), TemplateError);
      await Deno.writeTextFile(path, "nonsense");
      await assertRejects(
        () => haproxy.reload(),
        Error,
        `parsing [${scratch.join("web.cfg")}:1]`,
      );
      await answers("v2");
      await Deno.writeTextFile(path, template("v3"));
      await Promise.all([haproxy.reload(), haproxy.reload(), haproxy.reload()]);
      assertEquals(lines.filter((line) => line.includes("is ready")).length, 4);
      const last = haproxy.serving!;
      assertEquals(await haproxy.stop(), { code: 0 });
      assertEquals(await haproxy.finished, { code: 0 });
      assert(!await runs(last));
      await assertRejects(() => haproxy.reload(), Error, "stopped");
    });
    assertEquals(
      (await childrenOf(Deno.pid)).filter((pid) => pid !== daemon.pid),
      [],
    );
  },
});

Deno.test({
  name: "supervise: the signal stops it, before and after it serves",
  ignore,
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    const path = scratch.join("web.cfg.erb");
    await Deno.writeTextFile(path, template("v1"));
    const command = ["haproxy", "-f", path];
    const report = () => {};
    const before = new AbortController();
    const away = supervise({
      command,
      report,
      sock: scratch.join("nobody"),
      signal: before.signal,
    });
    before.abort(new Error("enough"));
    await assertRejects(() => away, Error, "enough");
    const after = new AbortController();
    const { sock } = daemon;
    const { signal } = after;
    const haproxy = await supervise({ command, report, sock, signal });
    after.abort();
    assertEquals(await haproxy.finished, { code: 0 });
    // A timer that these calls leave behind would fail this test.
    assertEquals(await haproxy.stop(), { code: 0 });
    assertEquals(await haproxy.stop(), { code: 0 });
  },
});

for (const args of [[], ["-f", "x.cfg", "-c"], ["-v"]]) {
  Deno.test(`supervise rejects haproxy ${args.join(" ")}`, async () => {
    await assertRejects(
      () => supervise({ command: ["haproxy", ...args] }),
      TypeError,
      args[0] === "-f" ? "do not make HAProxy serve" : "has no configuration",
    );
  });
}
