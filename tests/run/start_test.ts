import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { pidfdId } from "../../ffi/systemd/pidfd_id.ts";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { descriptorsOf, settledAs } from "../support/process_state.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);

/** The variables of sd_listen_fds(3) of a program that runs. */
function expectedVariables(pid: number): Record<string, string> {
  const id = pidfdId(pid);
  return {
    LISTEN_FDS: "1",
    LISTEN_FDNAMES: "unknown",
    LISTEN_PID: String(pid),
    ...(id !== undefined && { LISTEN_PIDFDID: id }),
  };
}

Deno.test({
  name:
    "the program gets its sockets, and LISTEN_PID and LISTEN_PIDFDID name it",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving();
    const { pid, pgid, variables } = await service.ask();
    assertEquals(variables, expectedVariables(pid));
    assertEquals(pgid, pid);
  },
});

Deno.test({
  name: "the program also gets variables that a shell would drop",
  ignore,
  fn: async () => {
    await using service = await Supervised.serving(undefined, {
      env: { "a.dotted.name": "spring" },
    });
    const { pid, variables } = await service.ask();
    assertEquals(variables, {
      "a.dotted.name": "spring",
      ...expectedVariables(pid),
    });
  },
});

Deno.test("several sockets are at 3, 4, ..., with no other descriptor and no signal blocked or ignored", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(
    daemon,
    [
      "run",
      "web=127.0.0.1:0",
      "admin=[::1]:0",
      "--",
      "sh",
      "-c",
      "echo $$ {fd:web} {fd:admin}; exec sleep 600",
    ],
    { under: ["sh", "-c", 'exec 7</dev/null; exec "$@"', "sh"] },
  );
  const [pid = "", ...fds] = (await program.output.next(" ")).split(" ");
  assertEquals(fds, ["3", "4"]);
  await settledAs(Number(pid), "sleep");
  const open = await descriptorsOf(Number(pid));
  assertEquals([...open.keys()].sort(), [0, 1, 2, 3, 4]);
  assertEquals(open.get(0), "/dev/null");
  const held = new Set((await descriptorsOf(daemon.pid)).values());
  assertNotEquals(open.get(3), open.get(4));
  assert(held.has(open.get(3)!) && held.has(open.get(4)!));
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  for (const set of ["SigBlk", "SigIgn"]) {
    const signals = BigInt(`0x${status.match(`${set}:\\t(\\w+)`)![1]}`);
    // glibc uses 32 and 33.
    assertEquals(signals & ~(0b11n << 31n), 0n, set);
  }
  program.signal("SIGTERM");
  assertEquals((await program.end()).signal, "SIGTERM");
});

for (
  const [command, expected] of [["no-such-program", 127], ["/etc/passwd", 126]]
) {
  Deno.test(`run ends with exit status ${expected} if ${command} cannot be started the first time`, async () => {
    await using daemon = await Daemon.start();
    const { code, errors } = await runClient(daemon, [
      "run",
      "127.0.0.1:0",
      "--",
      String(command),
    ]);
    assertEquals(code, expected);
    // On a busy machine a line about the wait for the daemon comes before.
    const last = errors.split("\n").at(-1)!;
    assert(
      last.startsWith(`multibinder-client run: cannot start ${command}: `),
      errors,
    );
  });
}
