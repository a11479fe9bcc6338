import { assert, assertEquals } from "@std/assert";
import { Readiness, type ReadyWhen } from "../../supervisor/readiness.ts";
import { eventually } from "../support/eventually.ts";
import { unprivileged } from "../support/unprivileged.ts";
import { lacks } from "../support/foreign_program.ts";
import { PYTHON } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

const SEND = `
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.connect(sys.argv[1].replace("@", "\\0", 1))
    for message in sys.argv[2:]:
        manager.sendall(message.encode())
`;

/** Sends messages from another process, started with `under`. */
async function send(
  readiness: Readiness,
  messages: readonly string[],
  under: readonly string[] = [],
): Promise<void> {
  const command = [...under, PYTHON, "-c", SEND, readiness.notifySocket!];
  const { success, stderr } = await new Deno.Command(command[0]!, {
    args: [...command.slice(1), ...messages],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

/** Records the events, in order. */
function record(readiness: Readiness): string[] {
  const all: string[] = [];
  // No process has the PID 0: all messages come from other processes.
  readiness.listen(0, [], {
    ready: () => all.push("ready"),
    late: () => all.push("late"),
    status: (text) => all.push(text),
    mainProcess: () => {},
    alive: () => {},
    blind: () => {},
  });
  return all;
}

const LONG = 10 * 60_000;

for (const when of ["notify", "auto"] as const) {
  const options: ReadyWhen = when === "notify"
    ? { kind: when }
    : { kind: when, delay: LONG };
  Deno.test({
    name:
      `${when}: messages of another user are ignored, those of this user are not`,
    // Only root can be another user.
    ignore: ignore || Deno.uid() !== 0,
    fn: async () => {
      using readiness = new Readiness(options, LONG);
      const all = record(readiness);
      await send(readiness, ["READY=1", "STATUS=theirs"], unprivileged);
      await send(readiness, ["STATUS=ours\nREADY=1", "STATUS=more"]);
      await eventually("the last message", () => all.includes("more"));
      assertEquals(all, ["ours", "ready", "more"]);
    },
  });
}

Deno.test("delay: the program is ready after the delay, and there is no socket", async () => {
  using readiness = new Readiness({ kind: "delay", delay: 1 }, LONG);
  assertEquals(readiness.notifySocket, undefined);
  const all = record(readiness);
  await eventually("ready", () => all.length > 0);
  assertEquals(all, ["ready"]);
});

Deno.test({
  name: "auto: a program that sends anything has to send READY=1 in time",
  ignore,
  fn: async () => {
    using readiness = new Readiness({ kind: "auto", delay: LONG }, 1);
    const all = record(readiness);
    await send(readiness, ["STATUS=loading"]);
    await eventually("late", () => all.length > 1);
    assertEquals(all, ["loading", "late"]);
  },
});

Deno.test("there are no events after the end of the program", async () => {
  const readiness = new Readiness({ kind: "auto", delay: 1 }, 1);
  const all = record(readiness);
  readiness[Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(all, []);
});
