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
  ["an unknown option", ["status", "--colour"], "--colour"],
  ["an option without its value", ["status", "--sock"], "--sock"],
  ["an option given twice", ["list", "--sock", "a", "--sock", "b"], "twice"],
  ["a word too many", ["list", "all"], "list takes no arguments: all"],
  ["words too many", ["status", "a", "b"], "status takes no arguments: a b"],
  ["a v6only that is none", ["release", "--v6only", "no", ":1"], "--v6only no"],
  [
    "two devices to release",
    ["release", "--device=lo", "127.0.0.1:1%eth0"],
    "twice: eth0 and lo",
  ],
  ["an interval that is none", ["list", "--watch", "often"], "--watch often"],
  ["an interval of nothing", ["list", "--watch", "0"], "less than 100 ms"],
  ["no address to release", ["release"], "address is missing"],
  ["exec without --", ["exec", ":0"], "--"],
  ["exec without an address", ["exec", "--", "true"], "address is missing"],
  ["exec without a command", ["exec", ":0", "--"], "command is missing"],
  ["an address that is none", ["exec", "80", "--", "true"], '"80"'],
  ["a name that is none", ["exec", "a b=:0", "--", "true"], '"a b"'],
  ["a socket that is not there", ["exec", ":0", "--", "a", "{fd1}"], "{fd1}"],
  ["a name nobody has", ["exec", "a=:0", "--", "x", "{fd:b}"], "{fd:b}"],
  ["a backlog that is none", ["run", "--backlog", "x", ":0"], "--backlog x"],
  ["a mode that is none", ["run", "--mode", "rw", ":0"], "--mode rw"],
  ["a timeout that is none", ["exec", "--timeout", "1h", ":0"], "1h"],
  ["a readiness that is none", ["run", "--ready", "now", ":0"], "--ready now"],
  ["a signal that is none", ["run", "--stop-signal", "X", ":0"], "signal X"],
];

for (const [what, args, says] of WRONG) {
  Deno.test(`wrong usage ends with exit code 2 and the usage: ${what}`, async () => {
    const withCommand = args[0] === "run" || says === "1h"
      ? [...args, "--", "true"]
      : args;
    const { code, output, errors } = await runClient(undefined, withCommand);
    assertEquals({ code, output }, { code: 2, output: "" });
    assertStringIncludes(errors.split("\n")[0]!, says);
    assertStringIncludes(errors, "Usage: multibinder-client");
  });
}

Deno.test("without the control socket's path the exit code is 2 and the line says how to give it", async () => {
  const { code, errors } = await runClient(undefined, ["status"]);
  assertEquals(code, 2);
  assertStringIncludes(errors, "Set MULTIBINDER_SOCK");
  assertMatch(errors, /or give --sock PATH$/);
});

for (
  const command of [[], ["exec"], ["run"], ["list"], ["release"], ["status"]]
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

Deno.test("list says what is held, release lets it go, status counts it", async () => {
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
