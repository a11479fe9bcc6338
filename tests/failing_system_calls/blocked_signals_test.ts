import { assertEquals } from "@std/assert";
import { threadsThatTakeSignals } from "../support/process_state.ts";
import { FaultyProcess } from "../support/failing_system_calls/faulty_process.ts";

Deno.test("the daemon executes itself once, and blocks its signals in every thread", async () => {
  await using process = await FaultyProcess.listening();
  assertEquals(process.image, 2);
  assertEquals(await threadsThatTakeSignals(process.pid), []);
});

Deno.test("a daemon whose signals are blocked at its start does not execute itself", async () => {
  const under = ["env", "--block-signal=HUP,USR1,TERM,INT"];
  await using process = await FaultyProcess.listening({ under });
  assertEquals(process.image, 1);
  assertEquals(await threadsThatTakeSignals(process.pid), []);
});

Deno.test("a daemon whose signals are not blocked after it has executed itself exits with an error", async () => {
  // exec keeps the PID of the shell.
  const under = [
    "sh",
    "-c",
    'MULTIBINDER_SIGNALS_BLOCKED=$$ exec "$@"',
    "sh",
  ];
  await using process = await FaultyProcess.start({ under });
  const { code, output, errors } = await process.program.end();
  assertEquals({ code, output, errors }, {
    code: 1,
    output: "",
    errors:
      "multibinder-server: cannot block SIGHUP, SIGUSR1, SIGTERM, SIGINT: the signals were blocked, and are not after execve(2)",
  });
  assertEquals(process.image, 1);
});

Deno.test("a daemon that inherits another one's variable executes itself", async () => {
  const env = { MULTIBINDER_SIGNALS_BLOCKED: String(Deno.pid) };
  await using process = await FaultyProcess.listening({ env });
  assertEquals(process.image, 2);
  assertEquals(await threadsThatTakeSignals(process.pid), []);
});
