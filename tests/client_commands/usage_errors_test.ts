import { assertEquals, assertThrows } from "@std/assert";
import type { Command } from "../../client/command/command.ts";
import { completionsCommand } from "../../client/command/completions.ts";
import { listCommand } from "../../client/command/list/list.ts";
import { UsageError } from "../../given_options.ts";
import { execCommand } from "../../client/command/start/exec.ts";
import { runCommand } from "../../client/command/start/run.ts";
import { serveCommand } from "../../client/command/start/serve.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { Scratch } from "../support/tree.ts";

const COMMANDS: readonly Command[] = [
  execCommand,
  runCommand,
  serveCommand,
  listCommand,
  completionsCommand(() => Promise.reject(new Error("not asked for"))),
];

const DURATION = "expected a duration such as 500ms, 2s or 1m";
const SHELLS = "expected one of bash, zsh, fish";

/** Words of a command line, separated by spaces, and the whole message. */
const WRONG: readonly [words: string, message: string][] = [
  [
    "exec :1 --backlog -1 -- x",
    "invalid --backlog -1: expected a number from 0 to 999999999",
  ],
  [
    "run --max-restarts -3 :1 -- x",
    "invalid --max-restarts -3: expected a number such as 5",
  ],
  ["run --grace -5s :1 -- x", `invalid --grace -5s: ${DURATION}`],
  ["run --ready delay:2x :1 -- x", `invalid --ready delay:2x: ${DURATION}`],
  [
    "run --watchdog 0 :1 -- x",
    "invalid --watchdog 0: expected a duration above 0",
  ],
  [
    "run --ready-timeout 0s :1 -- x",
    "invalid --ready-timeout 0s: expected a duration above 0",
  ],
  ["exec -x :1 -- y", "unknown option -x"],
  ["list -v", "unknown option -v: did you mean -V?"],
  ["exec --nonblock=no :1 -- x", "--nonblock takes no value: --nonblock=no"],
  ["list --json=1", "--json takes no value: --json=1"],
  [
    "exec :1 ls",
    'ls is not an address: write COMMAND after --, as in ":1 -- ls"',
  ],
  [
    "exec :1 -- --nonblock x",
    "expected the command after --, got --nonblock: options go before --",
  ],
  ["exec 8100 -- x", 'invalid address "8100": did you mean :8100?'],
  [
    "exec /run/x -- y",
    'invalid address "/run/x": did you mean unix:/run/x?',
  ],
  [
    "exec http://127.0.0.1:1/ -- x",
    'invalid address "http://127.0.0.1:1/": did you mean 127.0.0.1:1?',
  ],
  ["exec ::1:80 -- x", 'invalid address "::1:80": did you mean [::1]:80?'],
  [
    "exec udp:[::1]:80 -- x",
    'invalid address "udp:[::1]:80": did you mean udp://[::1]:80?',
  ],
  ["serve main.ts :1", "ADDR goes before MODULE: :1 main.ts"],
  ["serve :1 -- --allow-net", "the module is missing, such as main.ts"],
  ["completions", `the shell is missing: ${SHELLS}`],
  ["completions tcsh", `invalid shell tcsh: ${SHELLS}`],
  ["completions bash zsh", `invalid shell bash zsh: ${SHELLS}`],
];

Deno.test("the message of an invalid command line names the option or the argument, and what was meant", () => {
  for (const [words, message] of WRONG) {
    const [name, ...args] = words.split(" ");
    const command = COMMANDS.find((each) => each.name === name)!;
    const error = assertThrows(() => command.parse(args), UsageError);
    assertEquals(error.message, message, words);
  }
});

Deno.test("an empty COMMAND, as of an unset variable, is a usage error", () => {
  for (const command of [execCommand, runCommand]) {
    const error = assertThrows(
      () => command.parse([":1", "--", ""]),
      UsageError,
    );
    assertEquals(error.message, "the command after -- is empty");
  }
});

Deno.test("without a command the message names an unknown option, and an empty command", async () => {
  for (
    const [word, message] of [
      ["--jsn", "unknown option --jsn"],
      ["-x", "unknown option -x"],
      ["", 'unknown command ""'],
    ] as const
  ) {
    const { code, errors } = await runClient(undefined, [word]);
    assertEquals(code, 2);
    assertEquals(errors.split("\n")[0], `multibinder-client: ${message}`);
  }
});

/** On a busy machine a line about the wait for the daemon comes before. */
function lastLine(errors: string): string {
  return errors.split("\n").at(-1)!;
}

Deno.test("a COMMAND that may not be executed: exec and run end with 126 and say what to do", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await Scratch.make();
  const file = scratch.join("command");
  await Deno.writeTextFile(file, "#!/bin/sh\n", { mode: 0o600 });
  for (const command of ["exec", "run"]) {
    const args = [command, "127.0.0.1:0", "--", file];
    const { code, errors } = await runClient(daemon, args);
    assertEquals(code, 126);
    assertEquals(
      lastLine(errors).replace(/: (execve|access) /, ": "),
      `multibinder-client ${command}: cannot start ${file}: ${file}: Permission denied (EACCES): is it a file that may be executed (chmod +x)?`,
    );
  }
});

Deno.test("a script whose interpreter does not exist: exec ends with 127 and says so", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await Scratch.make();
  const file = scratch.join("script");
  await Deno.writeTextFile(file, "#!/nonexistent/sh\n", { mode: 0o700 });
  const args = ["exec", "127.0.0.1:0", "--", file];
  const { code, errors } = await runClient(daemon, args);
  assertEquals(code, 127);
  assertEquals(
    lastLine(errors),
    `multibinder-client exec: cannot start ${file}: the interpreter in its first line (#!) does not exist`,
  );
});
