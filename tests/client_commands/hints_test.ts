/** The second line of an error: what to do, as a command to paste. */
import { assertEquals, assertMatch } from "@std/assert";
import { clientCommand, runClient } from "../support/client_program.ts";
import { Daemon, daemonCommand } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";

Deno.test("the hint of a failed release is a command with --sock as it was given, and it works", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("it's here.sock");
  await using daemon = await Daemon.start({ sock });
  const named = await runClient(daemon, ["release", ":1"]);
  assertMatch(named.errors, /\n {2}`multibinder-client list` shows the binds$/);
  const { errors } = await runClient(undefined, [
    `--sock=${sock}`,
    "release",
    ":1",
  ]);
  const [, hint = ""] = /`(.*)` shows the binds$/.exec(errors) ?? [];
  const program = clientCommand([]).join(" ");
  await using pasted = Program.start("sh", {
    args: ["-c", hint.replace("multibinder-client", program)],
  });
  assertEquals(await pasted.end(), {
    code: 0,
    signal: null,
    output: "The daemon holds no socket.",
    errors: "",
  });
});

Deno.test("a denied bind names the command line that tries a policy", async () => {
  await using scratch = await Scratch.make();
  const policy = scratch.join("policy.jsonc");
  await Deno.writeTextFile(policy, '{"rules": []}');
  await using daemon = await Daemon.start({ args: ["--policy", policy] });
  const { errors } = await runClient(daemon, ["exec", ":80", "--", "true"]);
  const hint = `--check-policy FILE --as ${Deno.uid()} bind :80`;
  assertEquals(errors.includes(`\`${hint}\``), true, errors);
});

const OPTIONS: [what: string, args: string[], errors: RegExp][] = [
  [
    "--owner",
    ["exec", "--owner", "no-such-user", "unix:@SOCK", "--", "true"],
    /: --owner: user no-such-user does not exist$/,
  ],
  [
    "--group",
    ["exec", "--group", "no-such-group", "unix:@SOCK", "--", "true"],
    /: --group: group no-such-group does not exist$/,
  ],
  [
    "--sock",
    ["list", "--sock", "/etc/passwd"],
    /^multibinder-client list: \/etc\/passwd is not a socket\n {2}--sock or /,
  ],
  [
    "--timeout",
    ["exec", "--timeout", "10ms", "--sock", "/nonexistent", ":0", "--", "true"],
    /\n {2}start the daemon .*, or wait longer with --timeout$/,
  ],
  [
    "--allow-net",
    ["metrics", "--listen", "127.0.0.1:1"],
    /: --listen 127\.0\.0\.1:1: .* run again with --allow-net=127\.0\.0\.1:1$/,
  ],
];

Deno.test("an error names the option that it is about", async (t) => {
  await using daemon = await Daemon.start();
  await using scratch = await Scratch.make();
  for (const [what, args, expected] of OPTIONS) {
    await t.step(what, async () => {
      const given = args.map((each) =>
        each.replace("@SOCK", scratch.join("web"))
      );
      const { code, errors } = await runClient(daemon, given);
      assertEquals(code, 1);
      assertMatch(errors, expected);
    });
  }
});

Deno.test("a control socket in a missing directory is an error that says how to create it", async () => {
  await using scratch = await Scratch.make();
  const [program = "", ...args] = daemonCommand(scratch.join("none/sock"));
  await using daemon = Program.start(program, { args });
  const { code, errors } = await daemon.end();
  assertEquals(code, 1);
  assertMatch(
    errors,
    /^multibinder-server: cannot listen on .*: create its directory \(`mkdir -p .*\/none`\)$/,
  );
});

Deno.test("after a wait in vain the hint has the command line that starts the daemon", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const args = ["exec", "--sock", sock, "--timeout=50ms", ":0", "--", "true"];
  const { code, errors } = await runClient(undefined, args);
  assertEquals(code, 1);
  const hint =
    `start the daemon (\`multibinder-server ${sock}\`), name another`;
  assertEquals(errors.includes(`\n  ${hint}`), true, errors);
});

Deno.test("a relative path of a UNIX socket: the hint has the path to write in a shell", async () => {
  await using daemon = await Daemon.start();
  const args = ["exec", "unix:./web.sock", "--", "true"];
  const { code, errors } = await runClient(daemon, args);
  assertEquals(code, 1);
  assertMatch(errors, /\n {2}write the whole path: unix:\$PWD\/web\.sock$/);
});
