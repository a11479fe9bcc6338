import { assertEquals } from "@std/assert";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { childrenOf } from "../support/process_life.ts";
import { filling, namedPipe } from "../support/logging/full_pipe.ts";
import { OpenScratch } from "../support/unprivileged.ts";

const STANDARD_ERROR = 2;

Deno.test("`run` whose standard error nobody reads starts, reloads and ends its service", async () => {
  await using scratch = await OpenScratch.make();
  await using daemon = await Daemon.start();
  const under = filling(await namedPipe(scratch), STANDARD_ERROR);
  const args = [
    "run",
    "--ready",
    "delay:100ms",
    "127.0.0.1:0",
    "--",
    "sleep",
    "999",
  ];
  await using program = startClient(daemon, args, { under });
  let first: number | undefined;
  await eventually("a service", async () => {
    [first] = await childrenOf(program.pid);
    return first !== undefined && (await daemon.status()).binds === 1;
  });
  program.signal("SIGHUP");
  await eventually("another service", async () => {
    const [only, ...others] = await childrenOf(program.pid);
    return only !== undefined && only !== first && others.length === 0;
  });
  program.signal("SIGTERM");
  await program.end();
  assertEquals((await daemon.status()).binds, 1);
});
