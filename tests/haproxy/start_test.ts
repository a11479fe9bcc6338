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
import { descriptorsOf } from "../support/process_state.ts";
import { Scratch, treePath } from "../support/tree.ts";
import {
  runWrapper,
  startWrapper,
  template,
  Wrapped,
} from "../support/haproxy/wrapped.ts";

const ignore = await lacks("haproxy");

Deno.test({
  name:
    "HAProxy serves on the daemon's sockets, from 3 on, and has no other sockets",
  ignore,
  fn: async () => {
    const bind =
      "<%= bind_tcp('127.0.0.1', 0) %>\n  bind <%= bind_tcp('::1', 0) %>";
    await using haproxy = await Wrapped.serving(template("v1", { bind }));
    const { text, pid } = await haproxy.ask();
    assertEquals(text, "v1");
    assertStringIncludes(await haproxy.config(), "bind fd@3\n  bind fd@4\n");
    let open = await descriptorsOf(pid);
    const held = new Set((await descriptorsOf(haproxy.daemon.pid)).values());
    assert(held.has(open.get(3)!) && held.has(open.get(4)!));
    // HAProxy closes a connection a moment after its answer has ended.
    await eventually("no other socket", async () => {
      open = await descriptorsOf(pid);
      const sockets = [...open].filter(([, target]) =>
        target.startsWith("socket:")
      );
      return sockets.map(([fd]) => fd).sort().join() === "3,4";
    });
    assertEquals(open.get(0), "/dev/null");
    assertEquals(await Deno.readTextFile(haproxy.pidFile), `${pid}\n`);
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const blocked = /^SigBlk:\s*([0-9a-f]+)$/m.exec(status)?.[1];
    assertEquals(BigInt(`0x${blocked}`), 0n);
  },
});

Deno.test({
  name:
    "the configuration has the mode of the template and is replaced in one step",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const path = scratch.join("web.cfg.mb");
    await Deno.writeTextFile(path, template("v1"));
    await Deno.chmod(path, 0o640);
    const rendered = scratch.join("web.cfg");
    await Deno.writeTextFile(rendered, "an older one");
    await using before = await Deno.open(rendered) as Deno.FsFile & {
      [Symbol.asyncDispose](): Promise<void>;
    };
    const { code, output } = await runWrapper(undefined, ["-f", path], {
      options: ["--write-only"],
    });
    assertEquals([code, output], [0, `Wrote ${rendered}`]);
    assertEquals((await Deno.stat(rendered)).mode! & 0o7777, 0o640);
    assertStringIncludes(await Deno.readTextFile(rendered), "127.0.0.1:0");
    assertEquals(
      await new Response(before.readable).text(),
      "an older one",
      "a program that has the file open reads the old one",
    );
    const names = Array.from(
      Deno.readDirSync(scratch.path),
      ({ name }) => name,
    );
    assertEquals(names.sort(), ["web.cfg", "web.cfg.mb"]);
  },
});

for (
  const options of [
    { before: [], after: ["--erb-write-only"] },
    { before: ["--erb-write-only"], after: [] },
    { before: [], after: ["--write-only"] },
  ]
) {
  const { before, after } = options;
  Deno.test({
    name: `${
      [...before, "haproxy -f FILE", ...after].join(" ")
    } does not start HAProxy`,
    ignore,
    fn: async () => {
      await using daemon = await Daemon.start();
      await using scratch = await Scratch.make();
      await Deno.writeTextFile(scratch.join("a.cfg.erb"), template("v1"));
      const { code } = await runWrapper(
        daemon.sock,
        ["-f", "a.cfg.erb", ...after],
        { options: before, cwd: scratch.path, command: "no-such-haproxy" },
      );
      assertEquals(code, 0);
      const written = await Deno.readTextFile(scratch.join("a.cfg"));
      assertStringIncludes(written, "bind fd@3\n");
    },
  });
}

for (const options of [["--write-only"], ["--erb-write-only"]]) {
  Deno.test({
    name: `${
      options[0]
    } does not report keywords that only matter to a supervised HAProxy`,
    ignore,
    fn: async () => {
      await using daemon = await Daemon.start();
      await using scratch = await Scratch.make();
      const text = template("v1", { global: "daemon\n  master-worker" });
      await Deno.writeTextFile(scratch.join("a.cfg.erb"), text);
      const ended = await runWrapper(
        daemon.sock,
        ["-f", "a.cfg.erb", "-D"],
        { options, cwd: scratch.path },
      );
      assertEquals(
        [ended.code, ended.errors, ended.output],
        [0, "", "Wrote a.cfg"],
      );
    },
  });
}

Deno.test({
  name: "a pid file that cannot be written is reported with its path",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const pidFile = scratch.join("nowhere/web.pid");
    await using haproxy = await Wrapped.serving(template("v1"), [
      "-p",
      pidFile,
    ]);
    assertEquals((await haproxy.ask()).text, "v1");
    await haproxy.program.errors.sees("cannot write");
    assertMatch(
      haproxy.program.errors.text,
      /: cannot write \S+\/nowhere\/web\.pid: No such file or directory \(os error 2\)$/m,
    );
  },
});

Deno.test({
  name:
    "-c checks, writes a valid configuration, and ends with the exit code of HAProxy",
  ignore,
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    const cwd = scratch.path;
    await Deno.writeTextFile(scratch.join("a.cfg.erb"), template("v1"));
    const args = ["-f", "a.cfg.erb", "-c"];
    const good = await runWrapper(daemon.sock, args, { cwd });
    assertEquals(good.code, 0, good.errors);
    assertMatch(good.output, /valid/);
    const written = await Deno.readTextFile(scratch.join("a.cfg"));
    await Deno.writeTextFile(scratch.join("a.cfg.erb"), "nonsense");
    const bad = await runWrapper(daemon.sock, args, { cwd });
    assertEquals(bad.code, 1);
    assertMatch(bad.errors, /parsing \[a\.cfg:1\]/);
    assertEquals(await Deno.readTextFile(scratch.join("a.cfg")), written);
  },
});

Deno.test({
  name:
    "several files, as options and after --, share one sequence of descriptors",
  ignore,
  fn: async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    await Deno.writeTextFile(
      scratch.join("1.cfg.erb"),
      "global\ndefaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n",
    );
    for (const name of ["2", "3"]) {
      await Deno.writeTextFile(
        scratch.join(`${name}.cfg.erb`),
        `frontend f${name}\n bind <%= bind_tcp('127.0.0.1', 0) %>\n`,
      );
    }
    await Deno.writeTextFile(
      scratch.join("4.cfg"),
      `frontend f4\n bind ${scratch.join("4.sock")}\n`,
    );
    const words = ["-C", scratch.path, "-f", "1.cfg.erb", "-f", "2.cfg.erb"];
    const args = [...words, "-c", "--", "3.cfg.erb", "4.cfg"];
    const { code, errors } = await runWrapper(daemon.sock, args);
    assertEquals(code, 0, errors);
    for (const [name, fd] of [["2", 3], ["3", 4]]) {
      const text = await Deno.readTextFile(scratch.join(`${name}.cfg`));
      assertStringIncludes(text, `bind fd@${fd}\n`);
    }
  },
});

for (
  const [args, said] of [
    [["-D"], "-D"],
    [["-Ds"], "-Ds"],
    [["-W", "-D"], "-W, -D"],
    [["-Ws", "-S", "127.0.0.1:0"], "-Ws, -S 127.0.0.1:0"],
  ] as const
) {
  Deno.test({
    name: `${args.join(" ")}: HAProxy runs in the foreground`,
    ignore,
    fn: async () => {
      await using haproxy = await Wrapped.serving(template("v1"), args);
      const { pid } = await haproxy.ask();
      const status = await Deno.readTextFile(`/proc/${pid}/status`);
      assertMatch(status, new RegExp(`^PPid:\\s${haproxy.program.pid}$`, "m"));
      haproxy.program.signal("SIGTERM");
      const { code, errors } = await haproxy.program.end();
      assertEquals(code, 0);
      const line = `ignoring ${said}: HAProxy runs in the foreground`;
      assertEquals(errors.split(line).length, 2, errors);
    },
  });
}

Deno.test({
  name: "-sf is ignored and reported",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"), [
      "-sf",
      "1",
      "2",
      "-q",
    ]);
    assertEquals((await haproxy.ask()).text, "v1");
    await haproxy.program.errors.sees("ignoring -sf 1 2: ");
  },
});

Deno.test({
  name: "the example of the Ruby project's README, with another user",
  ignore: ignore || Deno.uid() !== 0,
  fn: async () => {
    const global = "user nobody\n  daemon";
    await using haproxy = await Wrapped.serving(template("v1", { global }), [
      "-Ds",
    ]);
    const { pid } = await haproxy.ask();
    // HAProxy changes its user after it is ready.
    await eventually(
      "its new user",
      async () => (await Deno.stat(`/proc/${pid}`)).uid !== 0,
    );
    await haproxy.reload(template("v2", { global }));
    await haproxy.says("is ready");
    await haproxy.askFor("v2");
    await eventually(
      "the end of the old HAProxy",
      async () => !await runs(pid),
    );
  },
});

Deno.test({
  name: "two instances serve side by side on one socket",
  ignore,
  fn: async () => {
    await using one = await Wrapped.serving(template("one"));
    await using scratch = await Scratch.make();
    await Deno.writeTextFile(scratch.join("b.cfg.erb"), template("two"));
    await using other = startWrapper(one.daemon.sock, [
      "-f",
      scratch.join("b.cfg.erb"),
    ]);
    await other.errors.next("is ready");
    const seen = new Set<string>();
    for (let turn = 0; turn < 2000 && seen.size < 2; turn++) {
      seen.add((await one.ask()).text);
    }
    assertEquals([...seen].sort(), ["one", "two"]);
    other.signal("SIGTERM");
    assertEquals((await other.end()).code, 0);
  },
});

interface Failure {
  what: string;
  text?: string;
  args?: readonly string[];
  options?: readonly string[];
  permissions?: readonly string[];
  command?: string;
  code: number;
  says: RegExp;
}

const FAILURES: Failure[] = [
  {
    what: "an error in the template",
    text: "\n<%= nope %>",
    code: 1,
    says: /a\.cfg\.erb:2: ReferenceError: nope is not defined\n {2}in <%= nope/,
  },
  {
    what: "a configuration that HAProxy rejects",
    text: "nonsense",
    code: 1,
    says:
      /HAProxy rejects the configuration with exit code 1:\n[\s\S]*parsing \[a\.cfg:1\]/,
  },
  {
    what: "a configuration that HAProxy rejects with -q",
    text: "nonsense",
    args: ["-q", "-f", "a.cfg.erb"],
    code: 1,
    says: /parsing \[a\.cfg:1\]/,
  },
  {
    what: "a missing HAProxy",
    command: "no-such-haproxy",
    code: 127,
    says: /cannot start no-such-haproxy: there is no such program in PATH/,
  },
  {
    what: "a HAProxy that cannot be executed",
    command: "/etc/passwd",
    code: 126,
    says: /cannot start \/etc\/passwd: .*EACCES/,
  },
  {
    what: "a missing template",
    args: ["-f", "b.cfg.erb"],
    code: 1,
    says:
      /^multibinder-haproxy: cannot read b\.cfg\.erb: No such file or directory \(os error 2\)$/,
  },
  {
    what: "a control socket with too long a path",
    options: ["--sock", `/${"a".repeat(120)}`],
    code: 1,
    says:
      /^multibinder-haproxy: the socket path \/a+ is 121 bytes long; unix\(7\) allows 107\n {2}--sock or MULTIBINDER_SOCK has to name the control socket of a daemon$/,
  },
  {
    what: "no permission to read the template",
    permissions: ["--allow-env", "--allow-ffi"],
    code: 1,
    says:
      /^multibinder-haproxy: cannot read a\.cfg\.erb: run again with --allow-read$/,
  },
  {
    what: "no permission to write the configuration",
    permissions: ["--allow-env", "--allow-read", "--allow-ffi"],
    text: "",
    code: 1,
    says:
      /^multibinder-haproxy: cannot write beside a\.cfg: run again with --allow-write$/,
  },
  {
    what: "no permission for the C library",
    permissions: ["--allow-env", "--allow-read", "--allow-write"],
    text: "",
    code: 1,
    says: /^multibinder-haproxy: .*run again with --allow-ffi=\S+$/,
  },
  {
    what: "no daemon",
    options: ["--sock", "nobody.sock", "--timeout", "50ms"],
    code: 1,
    says: /nobody\.sock/,
  },
  {
    what: "no configuration file",
    args: ["-q"],
    code: 2,
    says: /-f FILE\.cfg\.erb/,
  },
  {
    what: "an unknown option",
    options: ["--frobnicate"],
    code: 2,
    says: /unknown option --frobnicate/,
  },
  {
    what: "an invalid duration",
    options: ["--grace", "x"],
    code: 2,
    says: /--grace x/,
  },
];

for (const { what, code, says, ...failure } of FAILURES) {
  Deno.test({
    name: `${what}: error message and exit status ${code}`,
    ignore,
    fn: async () => {
      await using scratch = await Scratch.make();
      const { text = template("v1"), args = ["-f", "a.cfg.erb"] } = failure;
      await Deno.writeTextFile(scratch.join("a.cfg.erb"), text);
      const { command, options, permissions } = failure;
      const ended = await runWrapper(undefined, args, {
        cwd: scratch.path,
        ...(command !== undefined && { command }),
        ...(options !== undefined && { options }),
        ...(permissions !== undefined && { permissions }),
      });
      assertEquals(ended.code, code, ended.errors);
      assertMatch(ended.errors, says);
      const names = Array.from(Deno.readDirSync(scratch.path));
      assertEquals(names.map(({ name }) => name), ["a.cfg.erb"]);
    },
  });
}

Deno.test({
  name: "a port that another program has: message and exit code of HAProxy",
  ignore,
  fn: async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    await using haproxy = await Wrapped.start(
      template("v1", { bind: `127.0.0.1:${port}` }),
    );
    const { code, errors } = await haproxy.program.end();
    assertEquals(code, 1);
    assertMatch(errors, /cannot bind socket/);
    assertMatch(errors, /ended with exit code 1 before it was ready/);
  },
});

Deno.test({
  name: "a command line without a template starts HAProxy, with one message",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const text = template("v1", { bind: scratch.join("web.sock") });
    await Deno.writeTextFile(scratch.join("a.cfg"), text);
    await using program = startWrapper(undefined, [
      "-f",
      scratch.join("a.cfg"),
    ]);
    await program.errors.next("nothing is rendered");
    await program.errors.next("is ready");
    program.signal("SIGTERM");
    const { code, errors } = await program.end();
    assertEquals(code, 0);
    assertEquals(errors.split("nothing is rendered").length, 2, errors);
  },
});

Deno.test({
  name: "-v prints the version of HAProxy",
  ignore,
  fn: async () => {
    const { code, output } = await runWrapper(undefined, ["-v"]);
    assertEquals(code, 0);
    assertMatch(output, /HAProxy version|HA-Proxy version/);
  },
});

Deno.test("-h and -V print help and version of the wrapper", async () => {
  const help = await runWrapper(undefined, [], { command: "-h" });
  assertEquals(help.code, 0);
  assertMatch(help.output, /^Usage: multibinder-haproxy/);
  const version = await runWrapper(undefined, [], { command: "-V" });
  const { version: expected } = JSON.parse(
    await Deno.readTextFile(treePath("deno.json")),
  );
  assertEquals([version.code, version.output], [0, expected]);
});

Deno.test({
  name:
    "without a control socket HAProxy binds its addresses itself, with one warning",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    const bind = `<%= bind_unix('${scratch.join("web.sock")}') %>`;
    await Deno.writeTextFile(
      scratch.join("a.cfg.erb"),
      template("v1", { bind }),
    );
    await using program = startWrapper(undefined, [
      "-f",
      scratch.join("a.cfg.erb"),
    ]);
    await program.errors.next("is ready");
    program.signal("SIGHUP");
    await program.errors.next("is ready");
    program.signal("SIGTERM");
    const { code, errors } = await program.end();
    assertEquals(code, 0);
    assertEquals(errors.match(/MULTIBINDER_SOCK is not set/g)?.length, 1);
  },
});

Deno.test({
  name: "HAProxy gets variables that are not UTF-8 byte for byte",
  ignore,
  fn: async () => {
    await using haproxy = await Wrapped.serving(template("v1"), [], {
      under: ["sh", "-c", `X=$(printf 'a\\377') exec "$@"`, "sh"],
    });
    const { pid } = await haproxy.ask();
    const environment = await Deno.readFile(`/proc/${pid}/environ`);
    const text = new TextDecoder("latin1").decode(environment);
    assert(text.split("\0").includes("X=a\xff"), text);
  },
});
