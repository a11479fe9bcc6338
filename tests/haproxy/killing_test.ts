import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { childrenOf, hasEnded, runs } from "../support/process_life.ts";
import { Scratch } from "../support/tree.ts";
import { ChildWatch } from "../support/haproxy/child_watch.ts";
import { underLoad } from "../support/serve/under_load.ts";
import { startWrapper, template, Wrapped } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

Deno.test({
  name:
    "HAProxy is killed under load: only accepted connections are lost, none is refused, and the sockets stay the same",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    let { pid } = await haproxy.ask();
    const socket = await Deno.readLink(`/proc/${pid}/fd/3`);
    const { lost, answered } = await underLoad(haproxy, async () => {
      for (const when of ["at once", "in 250 ms", "in 500 ms"]) {
        Deno.kill(pid, "SIGKILL");
        await haproxy.says(`restarting HAProxy ${when}`);
        await haproxy.says("is ready");
        const after = await haproxy.ask();
        assertNotEquals(after.pid, pid);
        pid = after.pid;
        assertEquals(await Deno.readLink(`/proc/${pid}/fd/3`), socket);
      }
    });
    assert(answered > 0);
    const cut =
      /^Error: (closed unanswered|cut short)|^ConnectionReset|^BrokenPipe/;
    assertEquals(lost.filter((each) => !cut.test(each)), []);
  },
});

Deno.test({
  name:
    "connections that are made while no HAProxy runs are answered by the next one",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    for (const when of ["at once", "in 250 ms"]) {
      Deno.kill((await haproxy.ask()).pid, "SIGKILL");
      await haproxy.says(`restarting HAProxy ${when}`);
      if (when !== "at once") break;
      await haproxy.says("is ready");
    }
    const waiting = await Promise.all(
      Array.from({ length: 20 }, () => haproxy.beginRequest()),
    );
    await haproxy.says("is ready");
    const { pid } = await haproxy.ask();
    for (const half of waiting) {
      assertEquals((await half.end()).trim(), `v1 ${pid}`);
    }
  },
});

/** Passes the check, and does not become ready once the file `slow` exists. */
const SLOW = `#!/bin/sh
case " $* " in *" -c "*) exec haproxy "$@" ;; esac
[ -e "$0.slow" ] || exec haproxy "$@"
echo slow >&2
exec sleep 600
`;

/** Writes that script. */
function slowHaproxy(scratch: Scratch): Promise<string> {
  return scratch.program("haproxy", SLOW);
}

async function assertAllGone(watch: ChildWatch): Promise<void> {
  for (const pid of watch.seen) assert(!await runs(pid), `${pid} runs`);
  assert(watch.seen.size > 0);
  await watch[Symbol.asyncDispose]();
}

for (const signals of [["SIGTERM"], ["SIGTERM", "SIGTERM"]] as const) {
  Deno.test({
    name: `${
      signals.join(" and ")
    } during a reload: both HAProxies end, and no process is left`,
    ignore,
    fn: async () => {
      await using scratch = await Scratch.make();
      const command = await slowHaproxy(scratch);
      await using haproxy = await Wrapped.serving(template("v1"), [], {
        command,
      });
      await using watch = new ChildWatch(haproxy.program.pid);
      const { pid } = await haproxy.ask();
      await Deno.writeTextFile(`${command}.slow`, "");
      await haproxy.reload(template("v2"));
      await haproxy.says("slow");
      assert((await childrenOf(haproxy.program.pid)).includes(pid));
      for (const signal of signals) haproxy.program.signal(signal);
      const { code, errors } = await haproxy.program.end();
      // HAProxy may still run when the second signal ends it.
      const codes = signals.length === 1 ? [0] : [0, 128 + 15];
      assert(codes.includes(code), errors);
      assert(!await runs(pid));
      await assertAllGone(watch);
    },
  });
}

Deno.test({
  name: "SIGTERM during the check of a reload also ends the check",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const command = await scratch.program(
      "haproxy",
      '#!/bin/sh\n[ -e "$0.slow" ] || exec haproxy "$@"\necho $$ >"$0.pid"\nexec sleep 600\n',
    );
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      command,
    });
    await Deno.writeTextFile(`${command}.slow`, "");
    await haproxy.reload(template("v2"));
    let checking = "";
    await eventually("the check", async () => {
      checking = await Deno.readTextFile(`${command}.pid`).catch(() => "");
      return checking.endsWith("\n");
    });
    haproxy.program.signal("SIGTERM");
    const { code, errors } = await haproxy.program.end();
    assertEquals(code, 0, errors);
    assert(!await runs(Number(checking)));
    const names = Array.from(
      Deno.readDirSync(haproxy.scratch.path),
      ({ name }) => name,
    );
    assertEquals(names.sort(), ["web.cfg", "web.cfg.erb"]);
  },
});

Deno.test({
  name:
    "SIGTERM during the pause before a restart: HAProxy is not started again",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"));
    for (const when of ["at once", "in 250 ms", "in 500 ms", "in 1 s"]) {
      Deno.kill((await haproxy.ask()).pid, "SIGKILL");
      await haproxy.says(`restarting HAProxy ${when}`);
      if (when === "in 1 s") break;
      await haproxy.says("is ready");
    }
    haproxy.program.signal("SIGTERM");
    const { code, errors } = await haproxy.program.end();
    assertEquals(code, 128 + 9);
    assertEquals(errors.match(/started HAProxy/g)?.length, 4, errors);
  },
});

Deno.test({
  name:
    "after a kill -9 of the wrapper a new one serves beside the old HAProxy, until SIGUSR1 ends that one",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("old"));
    const { pid: orphan } = await haproxy.ask();
    await using scratch = await Scratch.make();
    await Deno.writeTextFile(scratch.join("web.cfg.erb"), template("new"));
    await using stack = new AsyncDisposableStack();
    const { lost } = await underLoad(haproxy, async () => {
      haproxy.program.signal("SIGKILL");
      const next = stack.use(
        startWrapper(haproxy.daemon.sock, ["-f", scratch.join("web.cfg.erb")]),
      );
      stack.defer(async () => {
        next.signal("SIGTERM");
        await next.end();
      });
      await next.errors.next("is ready");
      assert(await runs(orphan));
      Deno.kill(orphan, "SIGUSR1");
      await haproxy.askFor("new");
      await eventually(
        "the end of the orphan",
        () => hasEnded(orphan),
      );
      assertEquals((await haproxy.ask()).text, "new");
    });
    assertEquals(lost, []);
  },
});

// Creating a PID namespace takes root.
Deno.test({
  name:
    "as process 1 the wrapper reaps orphans, reloads, and leaves no process",
  ignore: ignore || await lacks("unshare") || Deno.uid() !== 0,
  fn: async () => {
    await using scratch = await Scratch.make();
    const command = await scratch.program(
      "haproxy",
      `#!/bin/sh
case " $* " in *" -c "*) exec haproxy "$@" ;; esac
for each in 1 2 3; do (sh -c 'echo orphan; exec sleep 0.2' &); done
exec haproxy "$@"
`,
    );
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      command,
      under: ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
    });
    const [init] = await childrenOf(haproxy.program.pid);
    const oneChild = () =>
      eventually(
        "HAProxy is the only child",
        async () => (await childrenOf(init!)).length === 1,
      );
    await oneChild();
    await haproxy.write(template("v2"));
    Deno.kill(init!, "SIGUSR2");
    await haproxy.says("is ready");
    await haproxy.askFor("v2");
    await oneChild();
    const [serving] = await childrenOf(init!);
    Deno.kill(serving!, "SIGKILL");
    await haproxy.says("ended with SIGKILL");
    await haproxy.says("is ready");
    // Within the trial the previous configuration is restored, later not.
    assertMatch((await haproxy.ask()).text, /^v[12]$/);
    await oneChild();
    const [last] = await childrenOf(init!);
    Deno.kill(init!, "SIGTERM");
    assertEquals((await haproxy.program.end()).code, 0);
    assert(!await runs(last!));
  },
});
