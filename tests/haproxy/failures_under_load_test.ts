import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { OwnPort } from "../support/loopback.ts";
import { childrenOf, hasEnded } from "../support/process_life.ts";
import { Scratch } from "../support/tree.ts";
import { underLoad } from "../support/serve/under_load.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

const HAPROXY = '#!/bin/sh\nexec haproxy "$@"\n';

/** Accepts every configuration, and ends when it should serve. */
const CHECKS_ONLY = `#!/bin/sh
case " $* " in *" -c "*) exit 0 ;; esac
echo "out of luck" >&2
exit 4
`;

interface Failure {
  what: string;
  /** The new template. Default: a valid one. */
  text?: string;
  /** The script in the place of HAProxy; `null` for none. Default: HAProxy. */
  command?: string | null;
  says: (paths: { template: string; command: string }) => string[];
}

function failures(takenPort: number): Failure[] {
  const bind = `<%= bind_tcp('127.0.0.1', ${takenPort}) %>`;
  return [
    {
      what: "invalid syntax",
      text: template("no", { bind: "<%= bind_tcp('127.0.0.1', %>" }),
      says: ({ template }) => [
        `${template}:12: syntax error`,
        "in <%= bind_tcp('127.0.0.1', %>",
      ],
    },
    {
      what: "an exception in the template",
      text: template("no", { bind: "<%= bind_tcp(ENV.fetch('NOPE'), 80) %>" }),
      says: ({ template }) => [
        `${template}:12: Error: the environment has no variable NOPE`,
        "in <%= bind_tcp(ENV.fetch('NOPE'), 80) %>",
      ],
    },
    {
      what: "a port that another program has",
      text: template("no", { bind }),
      says: ({ template }) => [
        `${template}:12: Could not bind: `,
        `in ${bind}`,
        "another program listens on this address",
      ],
    },
    {
      what: "a configuration that HAProxy rejects",
      text: template("no") + "  frobnicate\n",
      says: ({ template }) => [
        "HAProxy rejects the configuration with exit code 1",
        `[${template.replace(".erb", "")}:14] : unknown keyword 'frobnicate'`,
      ],
    },
    {
      what: "a missing binary",
      command: null,
      says: ({ command }) => [`cannot start ${command}: `],
    },
    {
      what: "a binary that always fails",
      command: "#!/bin/sh\nexit 3\n",
      says: () => [
        "HAProxy rejects the configuration with exit code 3 and gives no reason",
      ],
    },
    {
      what: "a binary that fails when it should serve",
      command: CHECKS_ONLY,
      says: () => ["out of luck", "ended with exit code 4 before it was ready"],
    },
  ];
}

async function put(path: string, script: string | null): Promise<void> {
  await Deno.remove(path).catch(() => {});
  if (script === null) return;
  await Deno.writeTextFile(path, script);
  await Deno.chmod(path, 0o755);
}

Deno.test({
  name:
    "a failed reload is reported, HAProxy keeps serving under load, and the next reload works",
  ignore,
  fn: async (t) => {
    await using scratch = await Scratch.make();
    const command = scratch.join("haproxy");
    await put(command, HAPROXY);
    using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using haproxy = await Wrapped.serving(template("v0"), [], {
      command,
    });
    const { lost } = await underLoad(haproxy, async () => {
      let good = 0;
      for (const failure of failures(other.addr.port)) {
        await t.step(failure.what, async () => {
          const before = await haproxy.ask();
          const { length } = haproxy.program.errors.text;
          const config = await haproxy.config();
          if (failure.command !== undefined) {
            await put(command, failure.command);
          }
          await haproxy.reload(failure.text ?? template("no"));
          await haproxy.says(
            `HAProxy ${before.pid} keeps serving with its configuration`,
          );
          const said = haproxy.program.errors.text.slice(length);
          const { template: path } = haproxy;
          for (const part of failure.says({ command, template: path })) {
            assertStringIncludes(said, part);
          }
          assertStringIncludes(said, "reload failed: ");
          assertEquals(await haproxy.ask(), before);
          assertEquals(await haproxy.config(), config);
          assertEquals(await childrenOf(haproxy.program.pid), [before.pid]);
          await put(command, HAPROXY);
          await haproxy.becomes(`v${++good}`);
          await eventually(
            "the end of the old HAProxy",
            async () => (await childrenOf(haproxy.program.pid)).length === 1,
          );
        });
      }
    });
    assertEquals(lost, []);
  },
});

Deno.test({
  name: "reloads under load while the daemon re-executes itself",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v0"));
    const { daemon } = haproxy;
    const { lost } = await underLoad(haproxy, async () => {
      for (let turn = 1; turn <= 5; turn++) {
        daemon.program.signal("SIGUSR1");
        await haproxy.becomes(`v${turn}`);
        await daemon.listening();
      }
    });
    assertEquals(lost, []);
    assertEquals((await daemon.status()).generation, 6);
    assert(!haproxy.program.errors.text.includes("failed"));
  },
});

Deno.test({
  name:
    "after a daemon was killed and started again HAProxy keeps its socket, and reloads work",
  ignore,
  fn: async () => {
    using own = OwnPort.take();
    const { number: port } = own;
    const text = (name: string) =>
      template(name, { bind: `<%= bind_tcp('127.0.0.1', ${port}) %>` });
    await using haproxy = await Wrapped.serving(text("v0"), [], { port });
    const { sock, program } = haproxy.daemon;
    const { lost } = await underLoad(haproxy, async () => {
      program.signal("SIGKILL");
      await program.end();
      await haproxy.reload(text("v1"));
      await haproxy.says("reload: SIGUSR2");
      await using _again = await Daemon.start({ sock });
      const said = await haproxy.says(
        `${haproxy.template}:12: the daemon no longer has this socket, HAProxy keeps its own: `,
      );
      assertMatch(said, /in use/);
      await haproxy.says("is ready");
      await haproxy.askFor("v1");
      await haproxy.becomes("v2", text("v2"));
    });
    assertEquals(lost, []);
  },
});

Deno.test({
  name:
    "without a daemon a reload fails after the timeout, and HAProxy keeps serving",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v0"), [], {
      options: ["--timeout", "3s"],
    });
    const before = await haproxy.ask();
    const { sock } = haproxy.daemon;
    const { lost } = await underLoad(haproxy, async () => {
      await haproxy.daemon.stop();
      await haproxy.reload(template("v1"));
      const said = await haproxy.says("reload failed: ");
      assertMatch(said, /gave up after 3000 ms: .*is the daemon running\?/);
      assert(said.includes(sock));
      assertEquals(await haproxy.ask(), before);
    });
    assertEquals(lost, []);
  },
});

Deno.test({
  name: "a check that does not end is killed with its process group",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const command = scratch.join("haproxy");
    await put(command, '#!/bin/sh\nsleep 600 &\necho $! >"$0.pid"\nwait\n');
    await using haproxy = await Wrapped.start(template("v0"), [], {
      command,
      options: ["--ready-timeout", "3s"],
    });
    const { code, errors } = await haproxy.program.end();
    assertEquals(code, 128 + 9);
    assertMatch(errors, /did not finish checking the configuration within 3 s/);
    const pid = Number(await Deno.readTextFile(`${command}.pid`));
    // It is an orphan, which process 1 may not reap.
    await eventually(
      "the end of its child",
      () => hasEnded(pid),
    );
  },
});
