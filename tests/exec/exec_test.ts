import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { connect } from "../../client.ts";
import {
  clientCommand,
  runClient,
  startClient,
} from "../support/client_program.ts";
import { pidfdId } from "../../ffi/systemd/pidfd_id.ts";
import { Daemon } from "../support/daemon.ts";
import { descriptorsOf, settledAs } from "../support/process_state.ts";
import { ENVIRONMENT } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

const NO_STRAYS = ["0", "1", "2", "3", "4"];

Deno.test("the program has only its sockets open and keeps the PID of exec", async () => {
  await using daemon = await Daemon.start();
  // A descriptor that the shell left open is closed too.
  await using program = startClient(
    daemon,
    ["exec", "127.0.0.1:0", "[::1]:0", "--", "sleep", "600"],
    { under: ["sh", "-c", 'exec 7</dev/null 8</dev/null; exec "$@"', "sh"] },
  );
  await settledAs(program.pid, "sleep");
  const open = await descriptorsOf(program.pid);
  assertEquals([...open.keys()].map(String).sort(), NO_STRAYS);
  const held = new Set((await descriptorsOf(daemon.pid)).values());
  assertNotEquals(open.get(3), open.get(4));
  for (const fd of [3, 4]) assert(held.has(open.get(fd)!), open.get(fd));
  const children = `/proc/${program.pid}/task/${program.pid}/children`;
  assertEquals(await Deno.readTextFile(children), "");
});

Deno.test("the program inherits the standard input of exec", async () => {
  await using daemon = await Daemon.start();
  const { output } = await runClient(
    daemon,
    ["exec", "127.0.0.1:0", "--", "cat"],
    { under: ["sh", "-c", 'echo from above | "$@"', "sh"] },
  );
  assertEquals(output, "from above");
});

/** The environment of a program that exec started (/proc/PID/environ). */
async function environmentBehind(
  daemon: Daemon,
  addresses: string[],
  env: Record<string, string> = {},
): Promise<{
  pid: number;
  id: string | undefined;
  variables: Map<string, string>;
}> {
  await using program = startClient(
    daemon,
    ["exec", ...addresses, "--", "cat", "/proc/self/environ"],
    { env },
  );
  // The process stays the same.
  const id = pidfdId(program.pid);
  const { output } = await program.end();
  const entries = output.split("\0").filter((entry) => entry !== "");
  const variables = new Map(entries.map((entry) => {
    const [name = "", ...value] = entry.split("=");
    return [name, value.join("=")];
  }));
  return { pid: program.pid, id, variables };
}

Deno.test("exec sets the variables of sd_listen_fds(3) and MULTIBINDER_FDS, and leaves the others unchanged", async () => {
  await using daemon = await Daemon.start();
  const { pid, id, variables } = await environmentBehind(
    daemon,
    ["web=127.0.0.1:0", "[::1]:0"],
    {
      "a.dotted.name": "no shell keeps it",
      EMPTY: "",
      LISTEN_FDS: "7",
      LISTEN_PIDFDID: "7",
    },
  );
  using session = await connect({ sock: daemon.sock });
  const binds = await session.list();
  const expected = new Map(Object.entries({
    ...Deno.env.toObject(),
    ...ENVIRONMENT,
    MULTIBINDER_SOCK: daemon.sock,
    "a.dotted.name": "no shell keeps it",
    EMPTY: "",
    LISTEN_FDS: "2",
    LISTEN_PID: String(pid),
    LISTEN_FDNAMES: "web:unknown",
    MULTIBINDER_FDS: binds.map(({ inode }) => inode).join(),
    ...(id !== undefined && { LISTEN_PIDFDID: id }),
  }));
  const sorted = (variables: Map<string, string>) =>
    [...variables].sort(([one], [other]) => one < other ? -1 : 1);
  assertEquals(sorted(variables), sorted(expected));
});

Deno.test("exec replaces {fd}, {fd1} and {fd:NAME} in the command by descriptors", async () => {
  await using daemon = await Daemon.start();
  const { output } = await runClient(daemon, [
    "exec",
    "web=127.0.0.1:0",
    "admin=[::1]:0",
    "--",
    "echo",
    "--listen=fd@{fd}",
    "{fd1}",
    "{fd:admin},{fd:web}",
    "{other}",
  ]);
  assertEquals(output, "--listen=fd@3 4 4,3 {other}");
});

for (const nonblock of [false, true]) {
  const what = nonblock ? "--nonblock sets it" : "O_NONBLOCK is not set";
  Deno.test(`${what} on the program's sockets, and close-on-exec is not`, async () => {
    await using daemon = await Daemon.start();
    const { output } = await runClient(daemon, [
      "exec",
      ...(nonblock ? ["--nonblock"] : []),
      "127.0.0.1:0",
      "--",
      "cat",
      "/proc/self/fdinfo/3",
    ]);
    const flags = parseInt(/^flags:\s*(\d+)$/m.exec(output)![1]!, 8);
    assertEquals((flags & 0o4000) !== 0, nonblock);
    assertEquals(flags & 0o2000000, 0);
  });
}

// Signals 32 and 33: glibc reserves them (signal(7)), and Deno.Command ignores them
// in its children.
const KEPT_BY_GLIBC = 0b11n << 31n;

Deno.test("the program has no blocked and no ignored signal, even if exec had", async () => {
  await using daemon = await Daemon.start();
  const { output } = await runClient(
    daemon,
    ["exec", "127.0.0.1:0", "--", "cat", "/proc/self/status"],
    {
      under: ["env", "--ignore-signal=HUP,USR2,PIPE", "--block-signal=TERM"],
    },
  );
  for (const set of ["SigBlk", "SigIgn", "SigCgt"]) {
    const signals = BigInt(`0x${output.match(`${set}:\\t(\\w+)`)![1]}`);
    assertEquals(signals & ~KEPT_BY_GLIBC, 0n, set);
  }
});

async function writeProgram(
  path: string,
  text: string,
  mode: number,
): Promise<void> {
  await Deno.writeTextFile(path, text);
  await Deno.chmod(path, mode);
}

Deno.test("exec searches PATH as execvp(3) does: it skips files that are not executable, and a shell runs files without #!", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await Scratch.make();
  await Deno.mkdir(scratch.join("first"));
  await Deno.mkdir(scratch.join("second"));
  await writeProgram(scratch.join("first/greet"), "", 0o644);
  await writeProgram(scratch.join("second/greet"), 'echo "hello $1"', 0o755);
  const directories = ["first", "missing", "second"].map((each) =>
    scratch.join(each)
  );
  const { code, output } = await runClient(
    daemon,
    ["exec", "127.0.0.1:0", "--", "greet", "{fd}"],
    { env: { PATH: [...directories, Deno.env.get("PATH")].join(":") } },
  );
  assertEquals({ code, output }, { code: 0, output: "hello 3" });
});

Deno.test("the exit status is that of the program", async () => {
  await using daemon = await Daemon.start();
  const command = ["exec", "127.0.0.1:0", "--", "sh", "-c"];
  const { code } = await runClient(daemon, [...command, "exit 42"]);
  assertEquals(code, 42);
  const killed = await runClient(daemon, [...command, "kill -TERM $$"]);
  assertEquals(killed.signal, "SIGTERM");
});

const NOT_STARTED: [
  what: string,
  command: string,
  code: number,
  says: string,
][] = [
  ["not in PATH", "no-such-program", 127, "no such program in PATH"],
  ["not there", "/no/such/program", 127, "ENOENT"],
  ["not executable", "/etc/passwd", 126, "EACCES"],
  ["a directory", "/etc", 126, "EACCES"],
];

for (const [what, command, expected, says] of NOT_STARTED) {
  Deno.test(`exec of a program that is ${what} exits with ${expected} and prints one line`, async () => {
    await using daemon = await Daemon.start();
    // Enough sockets to take the numbers of Deno's own descriptors.
    const addresses = Array.from(
      { length: 20 },
      (_, index) => `127.0.0.${index + 1}:0`,
    );
    const { code, output, errors } = await runClient(daemon, [
      "exec",
      ...addresses,
      "--",
      command,
    ]);
    assertEquals({ code, output }, { code: expected, output: "" });
    assert(
      errors.startsWith(`multibinder-client exec: cannot start ${command}: `),
    );
    assertStringIncludes(errors, says);
    assertEquals(errors.split("\n").length, 1, errors);
  });
}

Deno.test("the error for an address in use says what failed, where, why and what to do", async () => {
  await using daemon = await Daemon.start();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${(taken.addr as Deno.NetAddr).port}`;
  const { code, output, errors } = await runClient(daemon, [
    "exec",
    "127.0.0.1:0",
    address,
    "--",
    "echo",
    "started",
  ]);
  assertEquals({ code, output }, { code: 1, output: "" });
  const [reason = "", advice = ""] = errors.split("\n");
  assertStringIncludes(reason, `exec: ${address}: Could not bind`);
  assertStringIncludes(reason, "(EADDRINUSE)");
  const { port } = taken.addr as Deno.NetAddr;
  assertStringIncludes(advice, `port ${port} is held by ${Deno.pid} deno`);
  assertStringIncludes(advice, "end it, or let it get its socket from");
});

Deno.test("without a daemon exec fails after --timeout", async () => {
  await using scratch = await Scratch.make();
  const { code, errors } = await runClient(undefined, [
    "exec",
    "--sock",
    scratch.join("nobody.sock"),
    "--timeout",
    "50ms",
    "127.0.0.1:0",
    "--",
    "true",
  ]);
  assertEquals(code, 1);
  assertStringIncludes(errors, "gave up after 50 ms");
  assertStringIncludes(errors, "is the daemon running?");
});

Deno.test("exec of exec: the sockets of the inner exec replace those of the outer", async () => {
  await using daemon = await Daemon.start();
  const inner = clientCommand(["exec", "admin=[::1]:0", "--", "sh", "-c"]);
  const { output } = await runClient(daemon, [
    "exec",
    "web=127.0.0.1:0",
    "127.0.0.2:0",
    "--",
    ...inner,
    // A pipe would open descriptors in the shell, which would also execute the
    // last command itself.
    "echo $LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID - $$)); ls /proc/$$/fd; true",
  ]);
  assertEquals(output.trimEnd(), "1 admin 0\n0\n1\n2\n3");
});

for (const command of ["exec", "run"]) {
  Deno.test(`${command} applies each socket option to the kinds of socket that have it`, async () => {
    await using daemon = await Daemon.start();
    await using scratch = await Scratch.make();
    const path = scratch.join("web.sock");
    const [owner, group] = [Deno.uid(), Deno.gid()].map(String);
    await using program = startClient(daemon, [
      command,
      ...["--backlog", "7", "--mode", "0600"],
      ...["--owner", owner!, "--group", group!],
      ...["127.0.0.1:0", "udp://127.0.0.1:0", `unix:${path}`, "unix:@" + path],
      ...["--", "sh", "-c", "echo started; exec sleep 600"],
    ]);
    await program.output.next("started");
    using session = await connect({ sock: daemon.sock });
    assertEquals((await session.list()).map(({ options }) => options), [
      { backlog: 7 },
      {},
      { backlog: 7, mode: "0600", owner, group },
      { backlog: 7 },
    ]);
    assertEquals((await Deno.lstat(path)).mode! & 0o777, 0o600);
    program.signal("SIGTERM");
    await program.end();
  });
}
