import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { childrenOf, stopped } from "../support/process_life.ts";
import { underLoad } from "../support/serve/under_load.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

const SIGNALS = 100;

Deno.test({
  name:
    "a hundred reload signals in a burst under load: one HAProxy with the last template is left",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v0"));
    const { program } = haproxy;
    const { lost } = await underLoad(haproxy, async () => {
      for (let turn = 1; turn <= SIGNALS; turn++) {
        await haproxy.write(template(`v${turn}`));
        program.signal(turn % 2 === 0 ? "SIGUSR2" : "SIGHUP");
      }
      await haproxy.askFor(`v${SIGNALS}`);
    });
    assertEquals(lost, []);
    await eventually(
      "one HAProxy and nothing else",
      async () => (await childrenOf(program.pid)).length === 1,
    );
    const { text } = program.errors;
    assert(!text.includes("failed"), text);
  },
});

Deno.test({
  name: "a reload signal during the first start causes a reload after it",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.start(template("v1"), ["-Ds"]);
    await stopped(haproxy.daemon.pid);
    await haproxy.says("runs in the foreground");
    haproxy.program.signal("SIGUSR2");
    await haproxy.says("reload: SIGUSR2");
    haproxy.daemon.program.signal("SIGCONT");
    await haproxy.says("is ready");
    await haproxy.write(template("v2"));
    await haproxy.says("is ready");
    assertEquals(
      haproxy.program.errors.text.match(/started HAProxy/g)?.length,
      2,
    );
    assert((await haproxy.ask()).pid > 0);
  },
});
