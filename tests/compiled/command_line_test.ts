import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../version.ts";
import { Daemon } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";

/** The binary's program, run without the runtime of `deno compile`. */
const PROGRAM = [Deno.execPath(), "run", "-A", treePath("multibinder.ts")];

/** Runs the program to its end. */
async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): ReturnType<Program["end"]> {
  const [deno, ...before] = PROGRAM;
  await using program = Program.start(deno!, {
    args: [...before, ...args],
    env,
  });
  return await program.end();
}

async function output(
  ...[args, env]: Parameters<typeof run>
): Promise<string> {
  const { code, output, errors } = await run(args, env);
  assertEquals({ code, errors }, { code: 0, errors: "" });
  return output;
}

Deno.test(
  "the binary, the daemon and each command print the version",
  async () => {
    assertEquals(await output(["-V"]), VERSION);
    assertEquals(await output(["--version"]), VERSION);
    assertEquals(await output(["server", "-V"]), VERSION);
    assertEquals(await output(["status", "--version"]), VERSION);
  },
);

Deno.test(
  "the binary's help names the daemon and the client's commands",
  async () => {
    const help = await output(["--help"]);
    assertStringIncludes(help, "Usage: multibinder <command>");
    for (
      const command of ["server", "exec", "run", "list", "release", "status"]
    ) {
      assertStringIncludes(help, `\n  ${command} `);
    }
    for (const command of ["server", "exec"]) {
      const usage = `Usage: multibinder ${command} [`;
      assertStringIncludes(await output([command, "-h"]), usage);
      assertStringIncludes(await output(["help", command]), usage);
    }
  },
);

const WRONG: [what: string, args: string[], says: string, help: string][] = [
  ["no command", [], "multibinder: the command", 'see "multibinder --help"'],
  [
    "an unknown command",
    ["bind"],
    "multibinder: unknown command bind",
    'see "multibinder --help"',
  ],
  [
    "a misspelt server",
    ["sever"],
    "multibinder: unknown command sever: did you mean server?",
    'see "multibinder --help"',
  ],
  [
    "an option before server",
    ["--sock", "a", "server", "b"],
    "multibinder: server has to be the first argument",
    'see "multibinder --help"',
  ],
  [
    "no path",
    ["server"],
    "multibinder server: missing path of",
    'see "multibinder server --help"',
  ],
  [
    "an unknown option",
    ["server", "-x"],
    "multibinder server: unknown option",
    'see "multibinder server --help"',
  ],
  [
    "an unexpected argument",
    ["status", "a"],
    "multibinder status: status takes no arguments",
    'see "multibinder status --help"',
  ],
];

for (const [what, args, says, help] of WRONG) {
  Deno.test(
    `an invalid command line of the binary exits with 2 and names the help: ${what}`,
    async () => {
      const { code, output, errors } = await run(args);
      assertEquals({ code, output }, { code: 2, output: "" });
      assert(errors.startsWith(says), errors);
      assertStringIncludes(errors, help);
    },
  );
}

Deno.test(
  "the daemon and the commands of one binary work together",
  async () => {
    await using daemon = await Daemon.start({
      program: [...PROGRAM, "server"],
    });
    const env = { MULTIBINDER_SOCK: daemon.sock };
    const told = await output([
      ...["exec", "web=127.0.0.1:0", "--"],
      ...[
        "sh",
        "-c",
        'echo "$LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID - $$))"',
      ],
    ], env);
    assertEquals(told, "1 web 0");
    const [held] = JSON.parse(await output(["list", "--json"], env));
    assertEquals(held.address, "127.0.0.1:0");
    const status = JSON.parse(await output(["status", "--json"], env));
    assertEquals([status.binds, status.pid], [1, daemon.pid]);
    assertEquals(await output(["release", "127.0.0.1:0"], env), "");
    const again = await run(["release", "127.0.0.1:0"], env);
    assertEquals(again.code, 1);
    assertStringIncludes(again.errors, "multibinder release: No such bind");
    assertEquals((await daemon.stop()).code, 0);
  },
);

Deno.test(
  "a second daemon of the binary exits with code 1 and prints why",
  async () => {
    await using daemon = await Daemon.start({
      program: [...PROGRAM, "server"],
    });
    const { code, errors } = await run(["server", daemon.sock]);
    assertEquals(code, 1);
    assert(errors.startsWith("multibinder server: "), errors);
  },
);

Deno.test(
  "run of the binary passes on variables that a shell would lose",
  async () => {
    await using daemon = await Daemon.start({
      program: [...PROGRAM, "server"],
    });
    const [deno, ...before] = PROGRAM;
    await using program = Program.start(deno!, {
      args: [...before, "run", "127.0.0.1:0", "--", "env"],
      env: { MULTIBINDER_SOCK: daemon.sock, "a.b": "c" },
    });
    await program.output.next("a.b=c");
    await program.output.next("LISTEN_PID=");
    program.signal("SIGTERM");
    const { output } = await program.end();
    assertStringIncludes(output, "LISTEN_FDS=1");
  },
);
