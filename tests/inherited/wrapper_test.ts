import { assertEquals, assertMatch } from "@std/assert";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { libcPath, Scratch, treePath } from "../support/tree.ts";

/** A program that prints the sockets which it finds. */
const REPORT: readonly string[] = [
  Deno.execPath(),
  "run",
  "--no-prompt",
  `--allow-ffi=${libcPath}`,
  treePath("tests/support/inherited/report.ts"),
];

/** The end makes the shell a process of its own. */
const IN_SHELL = ["sh", "-c", '"$@"; exit $?', "sh", ...REPORT];

function assertFound(output: string, names: readonly string[]): void {
  const { bindings } = JSON.parse(output);
  assertEquals(bindings.map(({ name }: { name: string }) => name), names);
}

for (const command of ["exec", "run"]) {
  Deno.test(`the sockets of ${command} are found through a shell`, async () => {
    await using daemon = await Daemon.start();
    const addresses = ["web=127.0.0.1:0", "admin=[::1]:0"];
    await using program = startClient(
      daemon,
      [command, ...addresses, "--", ...IN_SHELL],
    );
    assertFound(await program.output.next("bindings"), ["web", "admin"]);
    program.signal("SIGTERM");
    await program.end();
  });
}

Deno.test("the sockets of exec are found through deno task", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await Scratch.make();
  const quoted = REPORT.map((word) => `'${word}'`).join(" ");
  const tasks = { report: quoted };
  await Deno.writeTextFile(
    scratch.join("deno.json"),
    JSON.stringify({ tasks }),
  );
  await using program = startClient(daemon, [
    "exec",
    "web=127.0.0.1:0",
    "--",
    ...[Deno.execPath(), "task", "--quiet", "--cwd", scratch.path, "report"],
  ]);
  assertFound(await program.output.next("bindings"), ["web"]);
});

Deno.test("through a program that closes the sockets inherited() throws and names both processes", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(daemon, [
    "exec",
    "127.0.0.1:0",
    "--",
    ...["sh", "-c", 'echo $$; "$@" 3<&-; exit $?', "sh", ...REPORT],
  ]);
  const { code, output, errors } = await program.end();
  assertEquals(code, 1);
  assertMatch(
    errors,
    new RegExp(`LISTEN_PID names ${output.trim()}, and this is \\d+:`),
  );
});

for (
  const [act, redirection] of [["closes", "3<&-"], ["replaces", "3</dev/null"]]
) {
  Deno.test(`inherited() throws if a program that becomes this one ${act} a socket`, async () => {
    await using daemon = await Daemon.start();
    await using program = startClient(daemon, [
      "exec",
      "127.0.0.1:0",
      "--",
      ...["sh", "-c", `exec "$@" ${redirection}`, "sh", ...REPORT],
    ]);
    const { code, errors } = await program.end();
    assertEquals(code, 1);
    assertMatch(errors, /descriptor 3 of process \d+ is not the socket/);
  });
}

Deno.test("a number of descriptors that no process can have is an error that names LISTEN_FDS", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(daemon, [
    "exec",
    "127.0.0.1:0",
    "--",
    ...["env", "LISTEN_FDS=99999999999", ...REPORT],
  ]);
  const { code, errors } = await program.end();
  assertEquals(code, 1);
  assertMatch(errors, /LISTEN_FDS is not a number of descriptors: 9+/);
});

Deno.test("through a program that puts other sockets in their place inherited() throws", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(daemon, [
    "exec",
    "127.0.0.1:0",
    "[::1]:0",
    "--",
    ...["sh", "-c", '"$@" 5<&3 3<&4 4<&5 5<&-; exit $?', "sh", ...REPORT],
  ]);
  const { code, errors } = await program.end();
  assertEquals(code, 1);
  assertMatch(errors, /InheritedSocketsError/);
});

const withActivation = { ignore: await lacks("systemd-socket-activate") };

/** Starts a command by systemd-socket-activate and a first connection. */
async function activated(
  scratch: Scratch,
  command: readonly string[],
): Promise<Program> {
  const path = scratch.join("web.sock");
  const program = Program.start("systemd-socket-activate", {
    args: ["--listen", path, "--fdname", "web", ...command],
  });
  await program.errors.next("Listening on");
  (await Deno.connect({ transport: "unix", path })).close();
  return program;
}

Deno.test(
  "the socket of systemd-socket-activate is found",
  withActivation,
  async () => {
    await using scratch = await Scratch.make();
    await using program = await activated(scratch, REPORT);
    assertFound(await program.output.next("bindings"), ["web"]);
  },
);

Deno.test(
  "with a shell after systemd-socket-activate inherited() throws and names both processes",
  withActivation,
  async () => {
    await using scratch = await Scratch.make();
    await using program = await activated(scratch, IN_SHELL);
    const { code, errors } = await program.end();
    assertEquals(code, 1);
    assertMatch(
      errors,
      new RegExp(`LISTEN_PID names ${program.pid}, and this is \\d+:`),
    );
  },
);
