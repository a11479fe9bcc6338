import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { NotificationSocket } from "../../ffi/systemd/notification_socket.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { hasEnded, runs, stopped } from "../support/process_life.ts";
import { descriptorsOf } from "../support/process_state.ts";
import { Scratch } from "../support/tree.ts";
import { notified } from "../support/haproxy/notified.ts";
import { startWrapper, template, Wrapped } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test({
    name: `${signal}: HAProxy answers its last request, and no process is left`,
    ignore,
    fn: async () => {
      await using haproxy = await Wrapped.serving(template("v1"));
      const { pid } = await haproxy.ask();
      const half = await haproxy.beginRequest();
      haproxy.program.signal(signal);
      await haproxy.says("Proxy web stopped");
      assertEquals((await half.end()).trim(), `v1 ${pid}`);
      assertEquals((await haproxy.program.end()).code, 0);
      assert(!await runs(pid));
      const files = Array.from(Deno.readDirSync(haproxy.scratch.path));
      assertEquals(files.map(({ name }) => name).sort(), [
        "web.cfg",
        "web.cfg.erb",
      ]);
    },
  });
}

Deno.test({
  name:
    "after the grace connections are closed, and the wrapper ends like HAProxy",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(
      template("v1"),
      [],
      { options: ["--grace", "100ms"] },
    );
    const { pid } = await haproxy.ask();
    await haproxy.beginRequest();
    haproxy.program.signal("SIGTERM");
    // After the grace HAProxy gets SIGTERM, which ends it.
    assertEquals((await haproxy.program.end()).signal, "SIGTERM");
    assert(!await runs(pid));
  },
});

Deno.test({
  name: "a master whose worker does not finish: no process is left",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(
      template("v1", { global: "master-worker" }),
      [],
      { options: ["--grace", "100ms"] },
    );
    const { pid: worker } = await haproxy.ask();
    await haproxy.beginRequest();
    haproxy.program.signal("SIGTERM");
    await haproxy.program.end();
    await eventually("the end of the worker", () => hasEnded(worker));
  },
});

Deno.test({
  name: "a HAProxy that does not react to SIGTERM is killed",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(
      template("v1"),
      [],
      { options: ["--grace", "1ms"] },
    );
    const { pid } = await haproxy.ask();
    await stopped(pid);
    haproxy.program.signal("SIGTERM");
    const { code, errors } = await haproxy.program.end();
    assertEquals(code, 128 + 9, errors);
    assert(!await runs(pid));
  },
});

Deno.test({
  name: "a second signal ends the grace",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(
      template("v1"),
      [],
      { options: ["--grace", "10min"] },
    );
    await haproxy.beginRequest();
    haproxy.program.signal("SIGTERM");
    await haproxy.says("Proxy web stopped");
    haproxy.program.signal("SIGINT");
    assertEquals((await haproxy.program.end()).signal, "SIGTERM");
  },
});

Deno.test({
  name: "SIGTERM also ends a HAProxy that still drains after a reload",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(
      template("v1"),
      [],
      { options: ["--grace", "100ms"] },
    );
    const { pid: old } = await haproxy.ask();
    await haproxy.beginRequest();
    await haproxy.reload(template("v2"));
    await haproxy.says(`still draining: ${old}`);
    haproxy.program.signal("SIGTERM");
    const { code } = await haproxy.program.end();
    assertEquals(code, 0);
    assert(!await runs(old));
  },
});

Deno.test({
  name: "SIGTERM ends the wrapper while it waits for the daemon",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    await Deno.writeTextFile(scratch.join("a.cfg.erb"), template("v1"));
    const sock = scratch.join("silent.sock");
    using silent = Deno.listen({ transport: "unix", path: sock });
    await using program = startWrapper(undefined, [
      "-f",
      scratch.join("a.cfg.erb"),
    ], { options: ["--sock", sock, "--timeout", "10min"] });
    using _connection = await silent.accept();
    program.signal("SIGTERM");
    const { signal, errors } = await program.end();
    assertEquals([signal, errors], ["SIGTERM", ""]);
  },
});

Deno.test({
  name: "a pid file that another program has replaced is not removed",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const other = haproxy.scratch.join("other");
    await Deno.writeTextFile(other, "1\n");
    await Deno.rename(other, haproxy.pidFile);
    haproxy.program.signal("SIGTERM");
    assertEquals((await haproxy.program.end()).code, 0);
    assertEquals(await Deno.readTextFile(haproxy.pidFile), "1\n");
  },
});

Deno.test({
  name:
    "a HAProxy that crashes is restarted with its configuration, even if files have changed",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const { pid } = await haproxy.ask();
    await haproxy.daemon.stop();
    await haproxy.write(template("v2"));
    await Deno.writeTextFile(haproxy.scratch.join("web.cfg"), "nonsense");
    Deno.kill(pid, "SIGKILL");
    await haproxy.says(`HAProxy ${pid} ended with SIGKILL`);
    await haproxy.says("restarting HAProxy at once");
    const after = await haproxy.ask();
    assertEquals(after.text, "v1");
    assertNotEquals(after.pid, pid);
    await haproxy.says("is ready");
    assertEquals(await Deno.readTextFile(haproxy.pidFile), `${after.pid}\n`);
  },
});

Deno.test({
  name:
    "a HAProxy that crashes again and again is restarted after growing pauses",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    let { pid } = await haproxy.ask();
    for (const when of ["at once", "in 250 ms", "in 500 ms"]) {
      Deno.kill(pid, "SIGKILL");
      await haproxy.says(`restarting HAProxy ${when}`);
      await haproxy.says("is ready");
      pid = (await haproxy.ask()).pid;
    }
  },
});

Deno.test({
  name: "a restart that fails is repeated",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const command = await scratch.program(
      "haproxy",
      '#!/bin/sh\nexec haproxy "$@"\n',
    );
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      command,
    });
    const { pid } = await haproxy.ask();
    await Deno.rename(command, `${command}.away`);
    Deno.kill(pid, "SIGKILL");
    await haproxy.says("restarting HAProxy at once");
    await haproxy.says(`cannot start ${command}`);
    await haproxy.says("restarting HAProxy in");
    await Deno.rename(`${command}.away`, command);
    await haproxy.says("is ready");
    assertEquals((await haproxy.ask()).text, "v1");
  },
});

Deno.test({
  name: "HAProxy keeps serving when the wrapper is killed",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const { pid } = await haproxy.ask();
    haproxy.program.signal("SIGKILL");
    await eventually(
      "the end of the wrapper",
      async () => !await runs(haproxy.program.pid),
    );
    assertEquals((await haproxy.ask()).pid, pid);
    // HAProxy holds standard error of the wrapper open.
    Deno.kill(pid, "SIGTERM");
    assertEquals((await haproxy.program.end()).signal, "SIGKILL");
  },
});

Deno.test({
  name:
    "a HAProxy that crashes while a reload waits for the daemon is restarted at once, then reloaded",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const { pid } = await haproxy.ask();
    await stopped(haproxy.daemon.pid);
    await haproxy.reload(template("v2"));
    await haproxy.says("reload: SIGUSR2");
    Deno.kill(pid, "SIGKILL");
    await haproxy.says("restarting HAProxy at once");
    await haproxy.says("is ready");
    assertEquals((await haproxy.ask()).text, "v1");
    haproxy.daemon.program.signal("SIGCONT");
    await haproxy.says("is ready");
    await haproxy.askFor("v2");
  },
});

/** Ends at its second start, after it has made the old HAProxy drain. */
const FALSE_START = `#!/bin/sh
case "$*" in *" -c "*|-c*) exit 0 ;; esac
case "$(cat "$0.starts" 2>/dev/null)" in
  x)
    echo xx >"$0.starts"
    while [ "$1" != -sf ]; do shift; done
    shift
    kill -USR1 "$@"
    exit 3
    ;;
  *) echo x"$(cat "$0.starts" 2>/dev/null)" >"$0.starts" ;;
esac
exec haproxy "$@"
`;

Deno.test({
  name:
    "a new HAProxy that ends after it has made the old one drain: the previous configuration is restored",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const command = await scratch.program("haproxy", FALSE_START);
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      command,
    });
    const half = await haproxy.beginRequest();
    await haproxy.reload(template("v2"));
    await haproxy.says("reload failed: the new HAProxy ended within 1 s");
    await haproxy.says("restarting HAProxy at once");
    const ready = await haproxy.says("is ready");
    const { text, pid } = await haproxy.ask();
    assertEquals(text, "v1");
    assertStringIncludes(ready, `HAProxy ${pid} is ready`);
    assertStringIncludes(await haproxy.config(), "v1");
    assertEquals((await half.end()).split(" ")[0], "v1");
    await haproxy.becomes("v3");
  },
});

Deno.test({
  name:
    "a master whose worker cannot start: the previous configuration is restored, and the status says so",
  // Only root may chroot(2). The directory does not exist.
  ignore: ignore || Deno.uid() !== 0,
  fn: async () => {
    await using scratch = await Scratch.make();
    using manager = new NotificationSocket(scratch.join("notify"));
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      env: { NOTIFY_SOCKET: scratch.join("notify") },
    });
    const { pid: old } = await haproxy.ask();
    const global = "master-worker\n  chroot /nonexistent";
    await haproxy.reload(template("v2", { global }));
    await haproxy.says("Cannot chroot(/nonexistent)");
    await haproxy.says("reload failed: the new HAProxy ended within 1 s");
    await haproxy.says("is ready");
    const { text, pid } = await haproxy.ask();
    assertEquals(text, "v1");
    assertNotEquals(pid, old);
    assertStringIncludes(await haproxy.config(), "v1");
    await eventually("the old one's end", async () => !await runs(old));
    const serves = `STATUS=HAProxy ${pid} serves`;
    const { assignments } = await notified(manager, serves);
    assertMatch(
      assignments.join(),
      /the last reload failed: the new HAProxy ended within 1 s$/,
    );
  },
});

/** How many descriptors `holder` has of the first socket of HAProxy. */
async function copiesOf(haproxy: number, holder: number): Promise<number> {
  const socket = (await descriptorsOf(haproxy)).get(3);
  const held = [...(await descriptorsOf(holder)).values()];
  return held.filter((each) => each === socket).length;
}

Deno.test({
  name:
    "after the trial the new configuration is used for restarts, and the previous one is released",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    const pid = await haproxy.becomes("v2");
    await eventually(
      "one copy of the socket",
      async () => await copiesOf(pid, haproxy.program.pid) === 1,
    );
    Deno.kill(pid, "SIGKILL");
    await haproxy.says("restarting HAProxy at once");
    await haproxy.says("is ready");
    assertEquals((await haproxy.ask()).text, "v2");
  },
});
