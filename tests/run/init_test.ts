import { assertEquals } from "@std/assert";
import { startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { childrenOf } from "../support/process_life.ts";

// Creating a PID namespace takes root.
Deno.test({
  name: "as process 1 run reaps orphans and its own program",
  ignore: Deno.uid() !== 0,
  fn: async () => {
    await using daemon = await Daemon.start();
    const orphan = "(sh -c 'echo orphan; exec sleep 0.2' &)";
    await using unshare = startClient(
      daemon,
      [
        "run",
        "127.0.0.1:0",
        "--",
        "sh",
        "-c",
        `${orphan}; ${orphan}; ${orphan}; exec sleep 600`,
      ],
      { under: ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"] },
    );
    for (const _ of [1, 2, 3]) await unshare.output.next("orphan");
    const [init] = await childrenOf(unshare.pid);
    await eventually(
      "the program is the only child",
      async () => (await childrenOf(init!)).length === 1,
    );
    const [program] = await childrenOf(init!);
    Deno.kill(program!, "SIGKILL");
    await unshare.errors.next("ended with SIGKILL");
    await unshare.errors.next("generation 2: started");
    Deno.kill(init!, "SIGTERM");
    assertEquals((await unshare.end()).code, 128 + 15);
  },
});
