import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import {
  assertOpenKinds,
  type Kinds,
  openKinds,
} from "../support/open_descriptors.ts";
import { childrenOf, runs, stopped } from "../support/process_life.ts";
import { settledWithChildren } from "../support/process_state.ts";
import { Scratch } from "../support/tree.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

Deno.test({
  name: "a reload replaces HAProxy, and the old one answers its last request",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const { pid: old } = await haproxy.ask();
    const half = await haproxy.beginRequest();
    await Deno.remove(haproxy.pidFile);
    await haproxy.reload(template("v2"));
    await haproxy.says(`is ready; still draining: ${old}`);
    const pid = await haproxy.askFor("v2");
    assertEquals(await Deno.readTextFile(haproxy.pidFile), `${pid}\n`);
    assertEquals(
      (await childrenOf(haproxy.program.pid)).sort(),
      [old, pid].sort(),
    );
    assertEquals((await half.end()).trim(), `v1 ${old}`);
    await haproxy.says(`HAProxy ${old} ended with exit code 0`);
    assertEquals(await childrenOf(haproxy.program.pid), [pid]);
  },
});

Deno.test({
  name: "SIGHUP also reloads, and no descriptor of the wrapper leaks",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const { pid } = haproxy.program;
    let before: Kinds | undefined;
    for (let turn = 0; turn < 5; turn++) {
      const old = (await haproxy.ask()).pid;
      haproxy.program.signal("SIGHUP");
      await haproxy.says(`HAProxy ${old} ended`);
      await eventually(
        "one child",
        async () => (await childrenOf(pid)).length === 1,
      );
      assertNotEquals((await haproxy.ask()).pid, old);
      before ??= await openKinds(pid);
    }
    await assertOpenKinds(pid, before!);
  },
});

const BROKEN: [what: string, text: string, says: string][] = [
  ["an error in the template", "\n<%= nope %>", "nope is not defined"],
  ["a rejected configuration", template("v2") + "  nonsense\n", "web.cfg:14"],
  [
    "a socket that the daemon refuses",
    template("v2", { bind: "<%= bind_tcp('192.0.2.1', 1) %>" }),
    "Could not bind",
  ],
];

for (const [what, text, says] of BROKEN) {
  Deno.test({
    name: `${what}: the running HAProxy and its configuration stay as they are`,
    ignore,
    fn: async () => {
      await using haproxy = await Wrapped.serving(template("v1"));
      const before = await haproxy.ask();
      const config = await haproxy.config();
      await haproxy.reload(text);
      await haproxy.says("reload failed: ");
      await haproxy.says(
        `HAProxy ${before.pid} keeps serving with its configuration`,
      );
      assertStringIncludes(haproxy.program.errors.text, says);
      assertEquals(await haproxy.ask(), before);
      assertEquals(await haproxy.config(), config);
      assertEquals(await childrenOf(haproxy.program.pid), [before.pid]);
      await haproxy.becomes("v3");
    },
  });
}

Deno.test({
  name:
    "a new HAProxy that ends before it is ready: the old one and its configuration stay as they are",
  ignore,
  fn: async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    await using haproxy = await Wrapped.serving(template("v1"));
    const before = await haproxy.ask();
    const config = await haproxy.config();
    const bind = `<%= bind_tcp('127.0.0.1', 0) %>\n  bind 127.0.0.1:${port}`;
    await haproxy.reload(template("v2", { bind }));
    await haproxy.says("cannot bind socket");
    await haproxy.says("ended with exit code 1 before it was ready");
    assertEquals(await haproxy.ask(), before);
    assertEquals(await haproxy.config(), config);
    await haproxy.becomes("v3");
  },
});

Deno.test({
  name: "a reload fails without the binary of HAProxy and without the daemon",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const command = await scratch.program(
      "haproxy",
      '#!/bin/sh\nexec haproxy "$@"\n',
    );
    await using haproxy = await Wrapped.serving(
      template("v1"),
      [],
      { options: ["--timeout", "3s"], command },
    );
    const before = await haproxy.ask();
    await Deno.remove(command);
    await haproxy.reload(template("v2"));
    await haproxy.says(`reload failed: cannot start ${command}: `);
    assertEquals(await haproxy.ask(), before);
    await haproxy.daemon.stop();
    await haproxy.reload(template("v2"));
    await haproxy.says("reload failed: gave up after 3000 ms");
    assertEquals(await haproxy.ask(), before);
  },
});

Deno.test({
  name:
    "a new HAProxy that is not ready in time is killed, and the old one, which it has paused, resumes",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(
      template("v1"),
      [],
      // HAProxy retries for two seconds when it cannot bind a port.
      { options: ["--ready-timeout", "3s"] },
    );
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const before = await haproxy.ask();
    await haproxy.reload(template("v2", { bind: `127.0.0.1:${port}` }));
    const started = await haproxy.says("started HAProxy");
    await haproxy.says("Paused frontend web");
    // While it cannot have a port HAProxy tries for two seconds, then it ends.
    await stopped(Number(started.split(" ").at(-1)));
    await haproxy.says("was not ready within 3 s and was killed");
    assertEquals(await haproxy.ask(), before);
  },
});

Deno.test({
  name: "all signals during a reload become one more reload",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    // The reload waits for the daemon.
    await stopped(haproxy.daemon.pid);
    haproxy.program.signal("SIGHUP");
    for (const signal of ["SIGUSR2", "SIGHUP", "SIGUSR2"] as const) {
      await haproxy.says("reload: ");
      haproxy.program.signal(signal);
    }
    await haproxy.says("reload: ");
    haproxy.daemon.program.signal("SIGCONT");
    await haproxy.says("is ready");
    await haproxy.says("is ready");
    const { pid } = await haproxy.ask();
    haproxy.program.signal("SIGTERM");
    const { errors } = await haproxy.program.end();
    assertEquals(errors.match(/is ready/g)?.length, 3, errors);
    assertEquals(await runs(pid), false);
  },
});

for (const global of ["daemon", "master-worker", "daemon\n  master-worker"]) {
  const what = global.replaceAll("\n ", " and");
  Deno.test({
    name:
      `${what} in the configuration: reported once, reloads work, and no process is left`,
    ignore,
    fn: async () => {
      await using haproxy = await Wrapped.serving(template("v1", { global }));
      const { pid: first } = await haproxy.ask();
      await settledWithChildren(haproxy.program.pid);
      await haproxy.reload(template("v2", { global }));
      await haproxy.says("is ready");
      await eventually(
        "the end of the old HAProxy",
        async () => !await runs(first),
      );
      const second = await haproxy.askFor("v2");
      assertEquals((await childrenOf(haproxy.program.pid)).length, 1);
      haproxy.program.signal("SIGTERM");
      const { code, errors } = await haproxy.program.end();
      assertEquals(code, 0);
      for (const pid of [first, second]) {
        await eventually("the end of HAProxy", async () => !await runs(pid));
      }
      for (const keyword of global.match(/\S+/g)!) {
        const said = `\`${keyword}\` in the configuration`;
        assertEquals(errors.split(said).length, 2, errors);
      }
    },
  });
}

Deno.test({
  name: "SIGUSR1 to the wrapper does nothing",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const before = await haproxy.ask();
    haproxy.program.signal("SIGUSR1");
    await haproxy.reload(template("v2"));
    await haproxy.says("is ready");
    assertNotEquals(await haproxy.askFor("v2"), before.pid);
    assertMatch(
      await Deno.readTextFile(`/proc/${haproxy.program.pid}/status`),
      /^ShdPnd:\s*0+200$/m,
    );
  },
});
