import { assert, assertEquals, assertMatch } from "@std/assert";
import { bind } from "../../client.ts";
import { FakeServer } from "../support/client/fake_server.ts";
import { clientCommand, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { Scratch } from "../support/tree.ts";
import { OpenScratch, unprivileged } from "../support/unprivileged.ts";

const OFTEN = ["list", "--watch", "0.1", "--no-holders"];

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`list --watch prints a table per interval until ${signal} and exits with 0`, async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    (await bind("127.0.0.1", 0, { sock })).close();
    await using program = startClient(daemon, OFTEN);
    await program.output.next("127.0.0.1:0");
    (await bind("127.0.0.2", 0, { sock })).close();
    await program.output.next("127.0.0.2:0");
    program.signal(signal);
    const { code, output, errors } = await program.end();
    assertEquals({ code, errors }, { code: 0, errors: "" });
    const blocks = output.split("\n\n").map((block) => block.split("\n"));
    for (const [heading, first] of blocks) {
      assert(heading!.startsWith("ADDRESS"), output);
      assert(first!.startsWith("127.0.0.1:0"), output);
    }
  });
}

Deno.test("list --watch --json prints one document per line", async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  await using program = startClient(daemon, ["list", "--json", "--watch=0.1"]);
  await program.output.next("[]");
  using web = await bind("127.0.0.1", 0, { sock });
  const line = await program.output.next("127.0.0.1:0");
  const [{ holders }] = JSON.parse(line);
  assertEquals(holders[0].descriptors, [web.fd]);
  program.signal("SIGTERM");
  assertEquals((await program.end()).code, 0);
});

/** Starts a watch that writes to `reader`, and prints its exit status. */
function startPiped(sock: string, reader: string): Program {
  const command = clientCommand(OFTEN).join(" ");
  return Program.start("sh", {
    args: ["-c", `{ { ${command}; echo "ended $?" >&3; } | ${reader}; } 3>&1`],
    env: { MULTIBINDER_SOCK: sock },
  });
}

Deno.test("list --watch exits with 0 when its reader ends", async () => {
  await using daemon = await Daemon.start();
  await using program = startPiped(daemon.sock, "head -n 1 >&2");
  await program.output.next("ended 0");
  const { errors } = await program.end();
  assertEquals(errors, "The daemon holds no socket.");
});

Deno.test("list --watch ends when its reader ends, even while it waits for a daemon", async () => {
  await using scratch = await Scratch.make();
  await using program = startPiped(scratch.join("none.sock"), "true");
  await program.output.next("ended 0");
});

Deno.test("list --watch waits for a daemon, says so, and continues after a re-exec and a restart", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using program = startClient(undefined, OFTEN, {
    env: { MULTIBINDER_SOCK: sock },
  });
  const waits = `waiting for the daemon at ${sock}`;
  await program.errors.next(waits);
  {
    await using daemon = await Daemon.start({ sock });
    (await bind("127.0.0.1", 0, { sock })).close();
    await program.output.next("127.0.0.1:0");
    await daemon.reexec();
    (await bind("127.0.0.2", 0, { sock })).close();
    await program.output.next("127.0.0.2:0");
    await daemon.stop();
  }
  await program.errors.next(waits);
  await using _daemon = await Daemon.start({ sock });
  await program.output.next("The daemon holds no socket.");
  program.signal("SIGTERM");
  const { code, errors } = await program.end();
  assertEquals(code, 0);
  assert(errors.split("\n").every((line) => line === waits), errors);
});

Deno.test("SIGTERM ends list --watch while it waits for a daemon", async () => {
  await using scratch = await Scratch.make();
  await using program = startClient(undefined, OFTEN, {
    env: { MULTIBINDER_SOCK: scratch.join("none.sock") },
  });
  await program.errors.next("waiting for the daemon");
  program.signal("SIGTERM");
  assertEquals((await program.end()).code, 0);
});

Deno.test("list --watch repeats a request whose answer ends in the middle", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using _server = new FakeServer(sock, async (connection, number) => {
    for (let request; (request = await connection.request());) {
      const { id } = request;
      const answer = JSON.stringify({ jsonrpc: "2.0", id, result: [] });
      connection.send(number === 0 ? answer.slice(0, 10) : answer);
      if (number === 0) return;
    }
  });
  await using program = startClient(undefined, OFTEN, {
    env: { MULTIBINDER_SOCK: sock },
  });
  await program.output.next("The daemon holds no socket.");
  program.signal("SIGTERM");
  assertEquals((await program.end()).code, 0);
});

Deno.test("list --watch exits with 1 if the daemon denies the request", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using _server = new FakeServer(sock, async (connection) => {
    for (let request; (request = await connection.request());) {
      const { id } = request;
      const error = { code: 10001, message: "Denied: no rule" };
      connection.send(JSON.stringify({ jsonrpc: "2.0", id, error }));
    }
  });
  await using program = startClient(undefined, OFTEN, {
    env: { MULTIBINDER_SOCK: sock },
  });
  const { code, errors } = await program.end();
  assertEquals(code, 1);
  assert(errors.includes("Denied: no rule"), errors);
});

Deno.test({
  name:
    "on a terminal list --watch redraws the screen and never fills more than it",
  ignore: await lacks("script"),
  fn: async () => {
    await using daemon = await Daemon.start();
    const { sock } = daemon;
    for (let host = 1; host <= 9; host++) {
      (await bind(`127.0.0.${host}`, 0, { sock })).close();
    }
    const command = clientCommand(OFTEN).join(" ");
    await using program = Program.start("script", {
      args: ["-qec", `stty cols 60 rows 10; exec ${command}`, "/dev/null"],
      env: { MULTIBINDER_SOCK: sock },
    });
    const next = () => program.output.next("\x1b[H\x1b[2J");
    const title = await next();
    assertMatch(title, /9 sockets, every 100 ms, /);
    await next();
    const more = program.output.text.replaceAll("\r", "");
    const [, first = ""] = more.split("\x1b[H\x1b[2J");
    const lines = first.split("\n");
    assertEquals(lines.slice(-2), ["... and 4 more lines", ""]);
    assert(lines.length <= 10, first);
    for (const line of lines) assert([...line].length <= 60, line);
  },
});

Deno.test({
  name:
    "list --watch shows the number of unreadable processes below the cut table",
  ignore: await lacks("script") || await lacks("setpriv"),
  fn: async () => {
    await using scratch = await OpenScratch.make();
    const sock = scratch.join("control.sock");
    await using _daemon = await Daemon.start({
      sock,
      args: ["--mode", "0666"],
    });
    for (let host = 1; host <= 9; host++) {
      (await bind(`127.0.0.${host}`, 0, { sock })).close();
    }
    const args = ["list", "--watch", "0.1"];
    const command = clientCommand(args, { under: unprivileged }).join(" ");
    await using program = Program.start("script", {
      args: ["-qec", `stty cols 60 rows 10; exec ${command}`, "/dev/null"],
      env: { ...scratch.env, MULTIBINDER_SOCK: sock },
    });
    await program.output.next("sockets, every");
    await program.output.next("sockets, every");
    const lines = program.output.text.replaceAll("\r", "").split("\n");
    const at = lines.findIndex((line) => line.startsWith("... and"));
    assertEquals(lines[at], "... and 5 more lines");
    assertMatch(lines[at + 1]!, /^\d+ process(es)? could not be inspected/);
    assert([...lines[at + 1]!].length <= 60);
  },
});
