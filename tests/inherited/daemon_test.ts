import { assertEquals, assertMatch } from "@std/assert";
import { daemonCommand } from "../support/daemon.ts";
import { connect } from "../../client.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks("python3");

/** Starts the daemon with one TCP socket as descriptor 3. */
function launched(sock: string, pid: string): Program {
  const launch = treePath("tests/support/inherited/launch.py");
  return Program.start("python3", {
    args: [launch, "tcp", pid, "-", ...daemonCommand(sock)],
  });
}

for (const pid of ["own", "none"]) {
  Deno.test({
    name:
      `the daemon holds the sockets that it is started with, LISTEN_PID: ${pid}`,
    ignore,
    fn: async () => {
      await using scratch = await Scratch.make();
      const sock = scratch.join("control.sock");
      await using program = launched(sock, pid);
      await program.output.next("Listening");
      using session = await connect({ sock });
      assertEquals((await session.list()).map(({ kind }) => kind), ["tcp"]);
    },
  });
}

Deno.test({
  name: "the daemon does not start if LISTEN_PID names another process",
  ignore,
  fn: async () => {
    await using scratch = await Scratch.make();
    await using program = launched(scratch.join("control.sock"), "1");
    const { pid } = program;
    const { code, errors } = await program.end();
    assertEquals(code, 1);
    assertMatch(
      errors,
      new RegExp(
        `^multibinder-server: LISTEN_FDS announces sockets for another process: LISTEN_PID names 1, and this is ${pid}:`,
      ),
    );
  },
});
