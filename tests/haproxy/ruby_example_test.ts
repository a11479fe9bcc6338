/**
 * The set-up of the Ruby project's HAProxy README: its template and the lines
 * of its unit as they are, but for the paths.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { runs } from "../support/process_life.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

const TEMPLATE = `global
    user haproxy
    group haproxy
    daemon
    maxconn 256

defaults
    mode http
    timeout connect 5000ms
    timeout client 50000ms
    timeout server 50000ms

frontend http-in
    bind <%= bind_tcp('0.0.0.0', 80) %>
`;

/** A network namespace for the daemon, where port 80 is free. */
const OWN_NETWORK = [
  ...["unshare", "--net", "sh", "-c"],
  'ip link set lo up && exec "$@"',
  "sh",
];

/** A server that hands out sockets; `pid` has its network namespace. */
interface Server extends AsyncDisposable {
  sock: string;
  pid: number;
}

async function rubyServer(): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await Scratch.make());
  const sock = scratch.join("control.sock");
  const words = [
    ...OWN_NETWORK,
    "ruby",
    treePath("tests/support/programs/server.rb"),
    sock,
  ];
  const program = stack.use(Program.start(words[0]!, { args: words.slice(1) }));
  await program.output.next("Listening for binds on control socket: ");
  const kept = stack.move();
  return {
    sock,
    pid: program.pid,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The variables of the unit, with paths of this test. */
class Installation {
  readonly #env: Record<string, string>;

  private constructor(readonly scratch: Scratch, readonly server: Server) {
    this.#env = {
      CONFIG: scratch.join("foo.cfg.erb"),
      MULTIBINDER_SOCK: server.sock,
      BIN: scratch.path,
      RUN: scratch.path,
    };
  }

  static async make(scratch: Scratch, server: Server): Promise<Installation> {
    for (
      const name of ["multibinder-haproxy-erb", "multibinder-haproxy-wrapper"]
    ) {
      const path = scratch.join(name);
      const module = treePath("haproxy/mod.ts");
      await Deno.writeTextFile(
        path,
        `#!/bin/sh\nexec ${Deno.execPath()} run -A ${module} "$@"\n`,
      );
      await Deno.chmod(path, 0o755);
    }
    await Deno.writeTextFile(scratch.join("foo.cfg.erb"), TEMPLATE);
    return new Installation(scratch, server);
  }

  /** Starts a line of the unit. */
  start(line: string, env: Record<string, string> = {}): Program {
    return Program.start("sh", {
      args: ["-c", `exec ${line}`],
      env: { ...this.#env, ...env },
    });
  }

  /** Runs one to its end. */
  async run(
    line: string,
    env: Record<string, string> = {},
  ): ReturnType<Program["end"]> {
    await using program = this.start(line, env);
    return await program.end();
  }

  /** The PID in the pid file. */
  async serving(): Promise<number> {
    return Number(
      await Deno.readTextFile(this.scratch.join("haproxy-foo.pid")),
    );
  }

  /** The status that HAProxy answers with on port 80. */
  async status(path: string): Promise<string> {
    const network = `--net=/proc/${this.server.pid}/ns/net`;
    const url = `http://127.0.0.1${path}`;
    const args = [network, "curl", "-s", "-o/dev/null", "-w%{http_code}", url];
    await using program = Program.start("nsenter", { args });
    return (await program.end()).output;
  }
}

const CHECK =
  "$BIN/multibinder-haproxy-erb /usr/sbin/haproxy -f ${CONFIG} -c -q";
const START =
  "$BIN/multibinder-haproxy-wrapper /usr/sbin/haproxy -Ds -f ${CONFIG} -p $RUN/haproxy-foo.pid $EXTRAOPTS";
const RELOAD =
  '/bin/sh -c "$BIN/multibinder-haproxy-erb /usr/sbin/haproxy -c -f ${CONFIG}; /bin/kill -USR2 $MAINPID"';
const STOP = "/bin/kill -TERM $MAINPID";

const tools = ["/usr/sbin/haproxy", "unshare", "nsenter", "ip", "curl"];

const SERVERS: [what: string, needs: string[], start: () => Promise<Server>][] =
  [
    ["our daemon", tools, () => Daemon.start({ under: OWN_NETWORK })],
    ["the Ruby server", [...tools, "ruby"], rubyServer],
  ];

for (const [what, needs, startServer] of SERVERS) {
  // Only root can change the user and create a network namespace.
  const ignore = await lacks(...needs) || Deno.uid() !== 0;
  Deno.test({
    name: `the example of the Ruby project's README works with ${what}`,
    ignore,
    fn: async () => {
      await using server = await startServer();
      await using scratch = await Scratch.make();
      const unit = await Installation.make(scratch, server);
      assertEquals((await unit.run(CHECK)).code, 0);
      await using wrapper = unit.start(START);
      await using ending = new AsyncDisposableStack();
      ending.defer(async () => {
        wrapper.signal("SIGTERM");
        await wrapper.end();
      });
      await wrapper.errors.next("is ready");
      const pid = await unit.serving();
      // HAProxy changes its user after it is ready.
      await eventually(
        "its new user",
        async () => (await Deno.stat(`/proc/${pid}`)).uid !== 0,
      );
      // There is no backend: HAProxy itself answers.
      assertEquals(await unit.status("/"), "503");

      await Deno.writeTextFile(
        scratch.join("foo.cfg.erb"),
        `${TEMPLATE}    monitor-uri /alive\n`,
      );
      const env = { MAINPID: `${wrapper.pid}` };
      const reload = await unit.run(RELOAD, env);
      assertEquals(reload.code, 0, reload.errors);
      await wrapper.errors.next("is ready");
      await eventually(
        "the end of the old HAProxy",
        async () => !await runs(pid),
      );
      const serving = await unit.serving();
      assertEquals(await unit.status("/alive"), "200");

      await Deno.writeTextFile(scratch.join("foo.cfg.erb"), "nonsense\n");
      const refused = await unit.run(RELOAD, env);
      assertMatch(refused.errors, /parsing \[.*foo\.cfg:1\]/);
      await wrapper.errors.next("keeps serving with its configuration");
      assertEquals(await unit.status("/alive"), "200");

      assertEquals((await unit.run(STOP, env)).code, 0);
      assertEquals((await wrapper.end()).code, 0);
      assertEquals(await runs(serving), false);
    },
  });

  Deno.test({
    name: `--erb-write-only of the Ruby tool works with ${what}`,
    ignore,
    fn: async () => {
      await using server = await startServer();
      await using scratch = await Scratch.make();
      const unit = await Installation.make(scratch, server);
      const { code, errors } = await unit.run(
        "$BIN/multibinder-haproxy-erb /usr/sbin/haproxy -f ${CONFIG} -p $RUN/haproxy-foo.pid --erb-write-only",
      );
      assertEquals(code, 0, errors);
      const written = await Deno.readTextFile(scratch.join("foo.cfg"));
      assertStringIncludes(written, "    bind fd@3\n");
      const names = Array.from(Deno.readDirSync(scratch.path));
      assert(!names.some(({ name }) => name.endsWith(".pid")));
    },
  });
}
