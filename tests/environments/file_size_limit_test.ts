import { assert, assertEquals } from "@std/assert";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { template, Wrapped } from "../support/haproxy/wrapped.ts";

/** SIGXFSZ is 25, and the lowest bit is that of signal 1 (proc_pid_status(5)). */
const SIGXFSZ_BIT = 1n << 24n;

function ignoresSigxfsz(line: string): boolean {
  return (BigInt(`0x${line.split(/\s+/)[1]}`) & SIGXFSZ_BIT) !== 0n;
}

Deno.test("run continues when it reaches its file size limit, and its program has the default action", async () => {
  await using daemon = await Daemon.start();
  await using program = startClient(daemon, [
    ...["run", "--ready", "delay:0s", "127.0.0.1:0", "--"],
    ...["sh", "-c", "grep SigIgn /proc/self/status; exec sleep 30"],
  ]);
  for (const generation of [1, 2]) {
    const line = await program.output.next("SigIgn");
    assert(!ignoresSigxfsz(line), line);
    await program.errors.next(`generation ${generation}: ready`);
    program.signal("SIGXFSZ");
    program.signal("SIGHUP");
  }
  await program.errors.next("generation 3: ready");
  program.signal("SIGTERM");
  await program.end();
});

Deno.test("the HAProxy wrapper continues when it reaches its file size limit", {
  ignore: await lacks("haproxy"),
}, async () => {
  await using haproxy = await Wrapped.serving(template("v1"));
  const { pid } = await haproxy.ask();
  haproxy.program.signal("SIGXFSZ");
  assertEquals((await haproxy.ask()).pid, pid);
  haproxy.program.signal("SIGTERM");
  assertEquals((await haproxy.program.end()).code, 0);
});
