import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { runClient, startClient } from "../support/client_program.ts";
import { leaveDeadSocket } from "../support/control_socket/dead_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { stopped } from "../support/process_life.ts";
import { Scratch } from "../support/tree.ts";

/** Commands that need a daemon, with their arguments. */
const ASKING = [
  ["list"],
  ["status"],
  ["metrics"],
  ["release", "127.0.0.1:1"],
];
const STARTING = ["exec", "run"].map((name) => [
  name,
  "--timeout",
  "4min",
  "127.0.0.1:0",
  "--",
  "true",
]);

const NEVER: [what: string, path: string, says: string][] = [
  ["a file", "file", "file is not a socket"],
  ["a directory", "directory", "directory is not a socket"],
  ["a link to a file", "link", "link is not a socket"],
  ["a named pipe", "pipe", "pipe is not a socket"],
  ["a path below a file", "file/mb.sock", "Not a directory (ENOTDIR)"],
  ["a link to itself", "circle", "(ELOOP)"],
  ["a path that is too long", "x".repeat(108), "unix(7) allows 107"],
];

/** One of each kind of path that is no control socket. */
async function makePaths(): Promise<Scratch> {
  const scratch = await Scratch.make();
  await Deno.writeTextFile(scratch.join("file"), "");
  await Deno.mkdir(scratch.join("directory"));
  await Deno.symlink("file", scratch.join("link"));
  await Deno.symlink("circle", scratch.join("circle"));
  const made = await new Deno.Command("mkfifo", {
    args: [scratch.join("pipe")],
  }).output();
  assert(made.success);
  return scratch;
}

for (const [what, path, says] of NEVER) {
  Deno.test(`no command waits for a control socket that can never exist: ${what}`, async () => {
    await using scratch = await makePaths();
    const commands = [...ASKING, ...STARTING];
    const results = await Promise.all(
      commands.map((words) =>
        runClient(undefined, [
          "--sock",
          scratch.join(path),
          ...words,
        ])
      ),
    );
    for (const { code, errors } of results) {
      assertEquals(code, 1, errors);
      assertStringIncludes(errors, says);
      assert(!errors.includes("gave up"), errors);
    }
  });
}

for (
  const [what, code] of [["no path", "ENOENT"], [
    "a dead socket",
    "ECONNREFUSED",
  ]]
) {
  Deno.test(`list, status, metrics and release do not wait for a daemon: ${what}`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("mb.sock");
    if (what === "a dead socket") leaveDeadSocket(sock);
    for (const words of ASKING) {
      const result = await runClient(undefined, ["--sock", sock, ...words]);
      assertEquals(result.code, 1);
      assertStringIncludes(result.errors, `connect ${sock}: `);
      assertStringIncludes(result.errors, `(${code})`);
      assertStringIncludes(result.errors, "no daemon listens there: start it");
      assert(!result.errors.includes("gave up"), result.errors);
    }
  });
}

for (const name of ["exec", "run"]) {
  Deno.test(`${name} says after a second what it waits for and how long, and then serves`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("mb.sock");
    await using client = startClient(undefined, [
      name,
      "--sock",
      sock,
      "--timeout",
      "4min",
      "127.0.0.1:0",
      "--",
      "sh",
      "-c",
      "echo started; exec sleep 600",
    ]);
    const line = await client.errors.next("waiting");
    assertEquals(
      line,
      `multibinder-client ${name}: waiting up to 4 min for a daemon that listens on ${sock}`,
    );
    await using _daemon = await Daemon.start({ sock });
    await client.output.next("started");
    client.signal("SIGTERM");
    await client.end();
  });

  Deno.test(`${name} says which address it waits for`, async () => {
    await using daemon = await Daemon.start();
    await stopped(daemon.pid);
    await using client = startClient(daemon, [
      name,
      "--timeout",
      "4min",
      "127.0.0.1:0",
      "--",
      "true",
    ]);
    const line = await client.errors.next("waiting");
    assertEquals(
      line,
      `multibinder-client ${name}: waiting up to 4 min for 127.0.0.1:0 from the daemon at ${daemon.sock}`,
    );
    daemon.program.signal("SIGCONT");
    client.signal("SIGKILL");
    await client.end();
  });
}

Deno.test("list, status and release say after a second that the daemon does not answer, and for how long they wait", async () => {
  await using daemon = await Daemon.start();
  using _web = await bind("127.0.0.1:0", { sock: daemon.sock });
  await stopped(daemon.pid);
  const commands = [["list"], ["status"], ["release", "127.0.0.1:0"]];
  await using stack = new AsyncDisposableStack();
  const started = commands.map((words) =>
    stack.use(startClient(daemon, words))
  );
  for (const [index, client] of started.entries()) {
    assertEquals(
      await client.errors.next("waiting"),
      `multibinder-client ${
        commands[index]![0]
      }: waiting up to 10 s for an answer of the daemon at ${daemon.sock}`,
    );
  }
  daemon.program.signal("SIGCONT");
  for (const client of started) assertEquals((await client.end()).code, 0);
});
