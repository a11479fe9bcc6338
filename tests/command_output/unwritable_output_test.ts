import { assertEquals, assertMatch } from "@std/assert";
import { clientCommand } from "../support/client_program.ts";
import { Daemon, daemonCommand } from "../support/daemon.ts";
import { ENVIRONMENT, within } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

/** Runs a shell command line in which `"$@"` is the program. */
async function shell(line: string, command: string[], daemon?: Daemon) {
  const child = new Deno.Command("bash", {
    args: ["-c", line, "bash", ...command],
    env: { ...ENVIRONMENT, MULTIBINDER_SOCK: daemon?.sock ?? "" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { code, stderr } = await within(child.output(), "the end of a shell");
  return { code, errors: new TextDecoder().decode(stderr) };
}

const CLIENT: string[][] = [
  ["list"],
  ["list", "--json"],
  ["list", "--watch", "10"],
  ["list", "--watch", "10", "--json"],
  ["status"],
  ["status", "--json"],
  ["metrics"],
  ["help"],
  ["--version"],
  ["help", "run"],
  ["exec", "--help"],
];
const SERVER: string[][] = [["--help"], ["--version"]];

const CLOSED = '"$@" | true; exit ${PIPESTATUS[0]}';

Deno.test("a client's output to /dev/full is one line and exit status 1, to a closed pipe nothing and 0", async (t) => {
  await using daemon = await Daemon.start();
  using session = await daemon.session();
  using _web = await session.bind("127.0.0.1", 0);
  for (const args of CLIENT) {
    await t.step(args.join(" "), async () => {
      const command = clientCommand(args);
      const full = await shell('"$@" > /dev/full', command, daemon);
      assertMatch(
        full.errors,
        /^multibinder-client( \w+)?: cannot write to standard output: No space left on device\n$/,
      );
      assertEquals(full.code, 1);
      assertEquals(await shell(CLOSED, command, daemon), {
        code: 0,
        errors: "",
      });
    });
  }
});

for (const args of SERVER) {
  Deno.test(`the daemon's ${args} to /dev/full is one line and exit status 1, to a closed pipe nothing and 0`, async () => {
    const [program = "", ...rest] = daemonCommand(args[0]!);
    assertEquals(await shell('"$@" > /dev/full', [program, ...rest]), {
      code: 1,
      errors:
        "multibinder-server: cannot write to standard output: No space left on device\n",
    });
    assertEquals(await shell(CLOSED, [program, ...rest]), {
      code: 0,
      errors: "",
    });
  });
}

const FAILURES: [args: string[], code: number][] = [
  [["list", "--bad"], 2],
  [["release"], 2],
  [["release", "127.0.0.1:1"], 1],
  [["exec", "127.0.0.1:x", "--", "true"], 2],
  [["exec", "127.0.0.1:0", "--", "/nonexistent"], 127],
  [["run", "127.0.0.1:0", "--", "/nonexistent"], 127],
];

Deno.test("a client that cannot write its error has the same exit status", async (t) => {
  await using daemon = await Daemon.start();
  for (const [args, code] of FAILURES) {
    for (const stderr of ["/dev/full", "&-"]) {
      await t.step(`${args.join(" ")} 2>${stderr}`, async () => {
        const line = `"$@" 2>${stderr}`;
        const ended = await shell(line, clientCommand(args), daemon);
        assertEquals(ended.code, code);
      });
    }
  }
});

Deno.test("a daemon that cannot write its error has the same exit status", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("none/sock");
  const failed = await shell('"$@" 2>/dev/full', daemonCommand(sock));
  assertEquals(failed.code, 1);
  const usage = await shell('"$@" 2>/dev/full', daemonCommand("--bad"));
  assertEquals(usage.code, 2);
});
