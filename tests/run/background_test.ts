import { assertEquals } from "@std/assert";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";

/** Goes to the background: a session of its own, with the socket. Prints its PID. */
const DAEMON = 'setsid sh -c "echo \\$\\$; exec sleep 600 >/dev/null 2>&1"';

Deno.test({
  name:
    "a COMMAND that goes to the background with its socket is reported, and what to do",
  ignore: await lacks("setsid"),
  fn: async () => {
    await using daemon = await Daemon.start();
    await using run = startClient(daemon, [
      ...["run", "--max-restarts", "0", "127.0.0.1:0", "--"],
      ...["sh", "-c", `pid=$(${DAEMON} &); echo $pid`],
    ]);
    const { code, output, errors } = await run.end();
    const pid = Number(output);
    Deno.kill(pid, "SIGKILL");
    assertEquals(code, 0);
    assertEquals(
      errors.split("\n").filter((line) => line.includes("background")),
      [
        `multibinder-client run: generation 1: process ${pid} is in the background with a socket: start COMMAND in the foreground`,
      ],
    );
  },
});
