import { assert, assertEquals } from "@std/assert";
import { Readiness, type ReadyWhen } from "../../client/run/readiness.ts";
import { eventually } from "../eventually.ts";
import { unprivileged } from "../unprivileged.ts";
import { lacks } from "../foreign_program.ts";
import { PYTHON } from "./supervised.ts";

const ignore = await lacks(PYTHON);

const SEND = `
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.connect("\\0" + sys.argv[1][1:])
    for message in sys.argv[2:]:
        manager.sendall(message.encode())
`;

/** Sends messages as a program of its own, by way of `under`. */
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

/** Everything that was heard, in order. */
function heard(readiness: Readiness): string[] {
  const all: string[] = [];
  // No process is 0: none of the messages is the program's own.
  readiness.listen(0, {
    ready: () => all.push("ready"),
    late: () => all.push("late"),
    status: (text) => all.push(text),
    refused: () => {},
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
      `${when}: what another user sends does not count, what this one sends does`,
    // Only root can be another user.
    ignore: ignore || Deno.uid() !== 0,
    fn: async () => {
      using readiness = new Readiness(options, LONG);
      const all = heard(readiness);
      await send(readiness, ["READY=1", "STATUS=theirs"], unprivileged);
      await send(readiness, ["STATUS=ours\nREADY=1", "STATUS=more"]);
      await eventually("the last message", () => all.includes("more"));
      assertEquals(all, ["ours", "ready", "more"]);
    },
  });
}

Deno.test("delay: there is no socket, and the time alone counts", async () => {
  using readiness = new Readiness({ kind: "delay", delay: 1 }, LONG);
  assertEquals(readiness.notifySocket, undefined);
  const all = heard(readiness);
  await eventually("ready", () => all.length > 0);
  assertEquals(all, ["ready"]);
});

Deno.test({
  name: "auto: who has said anything is late without READY=1",
  ignore,
  fn: async () => {
    using readiness = new Readiness({ kind: "auto", delay: LONG }, 1);
    const all = heard(readiness);
    await send(readiness, ["STATUS=loading"]);
    await eventually("late", () => all.length > 1);
    assertEquals(all, ["loading", "late"]);
  },
});

Deno.test("nothing is heard of a program that has ended", async () => {
  const readiness = new Readiness({ kind: "auto", delay: 1 }, 1);
  const all = heard(readiness);
  readiness[Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(all, []);
});
