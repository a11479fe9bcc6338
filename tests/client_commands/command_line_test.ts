import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { VERSION } from "../../version.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";

const WRONG: [what: string, args: string[], says: string][] = [
  ["no command", [], "the command is missing"],
  ["an unknown command", ["serve"], "serve"],
  ["an unknown option", ["status", "--colour"], "unknown option --colour"],
  ["a misspelt option", ["list", "--jsn"], "--jsn: did you mean --json?"],
  [
    "a misspelt option with a value",
    ["run", "--reday=notify", ":1", "--", "true"],
    "unknown option --reday: did you mean --ready?",
  ],
  ["a misspelt command", ["lsit"], "unknown command lsit: did you mean list?"],
  [
    "the command bind",
    ["bind", ":1"],
    "exec ADDR -- COMMAND` passes a socket to COMMAND",
  ],
  ["an option without its value", ["status", "--sock"], "--sock"],
  ["an option given twice", ["list", "--sock", "a", "--sock", "b"], "twice"],
  ["an address that is not one", ["list", "all"], '"all"'],
  ["an argument too many", ["list", ":1", ":2"], "list takes one address"],
  [
    "arguments too many",
    ["status", "a", "b"],
    "status takes no arguments: a b",
  ],
  ["an invalid v6only", ["release", "--v6only", "no", ":1"], "--v6only no"],
  [
    "two devices to release",
    ["release", "--device=lo", "127.0.0.1:1%eth0"],
    "twice: eth0 and lo",
  ],
  ["an invalid interval", ["list", "--watch", "often"], "--watch often"],
  ["an interval of 0", ["list", "--watch", "0"], "at least 100 ms"],
  ["no address to release", ["release"], "address is missing"],
  ["exec without --", ["exec", ":0"], "--"],
  ["exec without an address", ["exec", "--", "true"], "address is missing"],
  ["exec without a command", ["exec", ":0", "--"], "command is missing"],
  ["an invalid address", ["exec", "80", "--", "true"], '"80"'],
  ["an invalid name", ["exec", "a b=:0", "--", "true"], '"a b"'],
  ["the number of a socket that does not exist", [
    "exec",
    ":0",
    "--",
    "a",
    "{fd1}",
  ], "{fd1}"],
  [
    "a name that no socket has",
    ["exec", "a=:0", "--", "x", "{fd:b}"],
    "{fd:b}",
  ],
  ["an invalid backlog", ["run", "--backlog", "x", ":0"], "--backlog x"],
  ["an invalid mode", ["run", "--mode", "rw", ":0"], "--mode rw"],
  ["an invalid timeout", ["exec", "--timeout", "1h", ":0"], "1h"],
  ["an invalid readiness", ["run", "--ready", "now", ":0"], "--ready now"],
  ["an invalid signal", ["run", "--stop-signal", "X", ":0"], "signal X"],
];

for (const [what, args, says] of WRONG) {
  Deno.test(`an invalid command line exits with 2 and one line that names --help: ${what}`, async () => {
    const withCommand = args[0] === "run" || says === "1h"
      ? [...args, "--", "true"]
      : args;
    const { code, output, errors } = await runClient(undefined, withCommand);
    assertEquals({ code, output }, { code: 2, output: "" });
    assertStringIncludes(errors.split("\n")[0]!, says);
    assertMatch(errors, /^[^\n]*\nsee "multibinder-client[ a-z]* --help"$/);
  });
}

Deno.test("without a control socket the exit code is 2 and the error says how to set it", async () => {
  const { code, errors } = await runClient(undefined, ["status"]);
  assertEquals(code, 2);
  assertStringIncludes(errors, "set MULTIBINDER_SOCK");
  assertMatch(errors, /or give --sock PATH$/);
});

for (const command of ["", "exec", "run", "list", "metrics"]) {
  Deno.test(`help ${command} prints what ${command} --help prints`, async () => {
    const words = command === "" ? [] : [command];
    const help = await runClient(undefined, ["help", ...words]);
    assertEquals(help, await runClient(undefined, [...words, "--help"]));
    assertEquals(help.code, 0);
  });
}

for (
  const command of [[], ["exec"], ["run"], ["serve"], ["list"], ["release"], [
    "status",
  ]]
) {
  Deno.test(`${command.join("")} -h and -V need no permission`, async () => {
    for (const option of ["-h", "--help", "-V", "--version"]) {
      await using program = Program.start(Deno.execPath(), {
        args: ["run", "--no-prompt", treePath("client.ts"), ...command, option],
      });
      const { code, output, errors } = await program.end();
      assertEquals({ code, errors }, { code: 0, errors: "" });
      if (option.toLowerCase().includes("h")) {
        const usage = ["Usage: multibinder-client", ...command].join(" ");
        assert(output.startsWith(usage), output);
      } else {
        assertEquals(output, VERSION);
      }
    }
  });
}

Deno.test("list shows a bind, release ends it, status counts it", async () => {
  await using daemon = await Daemon.start();
  const asked = async (...args: string[]) => {
    const { code, output, errors } = await runClient(daemon, args);
    assertEquals({ code, errors }, { code: 0, errors: "" });
    return output;
  };
  await asked("exec", "127.0.0.1:0", "[::1]:0", "--", "true");
  const rows = (await asked("list")).split("\n").slice(1);
  assertEquals(
    rows.slice(0, 2).map((row) => row.split(/ +/).toSpliced(1, 1).slice(0, 3)),
    [
      ["127.0.0.1:0", "tcp", "1000"],
      ["[::1]:0", "tcp", "1000"],
    ],
  );
  const [first] = JSON.parse(await asked("list", "--json"));
  assertEquals(first.address, "127.0.0.1:0");
  assertEquals(await asked("--sock", daemon.sock, "release", "[::1]:0"), "");
  assertEquals(JSON.parse(await asked("status", "--json")).binds, 1);
  assertMatch(await asked("status"), new RegExp(`^pid +${daemon.pid}$`, "m"));
  const { code, errors } = await runClient(daemon, ["release", "[::1]:0"]);
  assertEquals(code, 1);
  assertStringIncludes(errors, "No such bind: [::1]:0");
});

Deno.test("help and the error about an address name every kind of path", async () => {
  const { output } = await runClient(undefined, ["--help"]);
  const { errors } = await runClient(undefined, ["release", "web"]);
  for (const text of [output, errors.split("\n")[0]!]) {
    for (const kind of ["unix", "seqpacket", "unixgram"]) {
      assertStringIncludes(text, `${kind}:/path`);
    }
  }
});
