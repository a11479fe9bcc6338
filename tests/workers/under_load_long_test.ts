import { assertEquals } from "@std/assert";
import { OwnPort } from "../support/loopback.ts";
import { activated, Group } from "../support/workers/group.ts";
import {
  growUnderLoad,
  losesNothing,
  times,
} from "../support/workers/reloads.ts";

const WORKERS = 4;

Deno.test("20 reloads of 4 workers under load lose no request", async () => {
  await using group = await Group.start({ workers: WORKERS });
  await losesNothing(group, times(20, () => group.reload(WORKERS)));
});

Deno.test("10 growths and 10 shrinkings under load lose no request", async () => {
  await using group = await Group.start({ workers: 2 });
  await losesNothing(
    group,
    times(10, async (_, seen) => {
      await growUnderLoad(group, 3, seen);
      await group.shrink(2);
    }),
  );
});

Deno.test("growths from 1 worker to 11 and back, with the daemon re-executed each time, lose no request", async () => {
  await using group = await Group.start();
  await losesNothing(group, [
    ...times(10, async (index, seen) => {
      const grown = growUnderLoad(group, index + 2, seen);
      await Promise.all([grown, group.daemon.reexec()]);
    }),
    ...times(10, async (index) => {
      await Promise.all([group.shrink(10 - index), group.daemon.reexec()]);
    }),
  ]);
  assertEquals((await group.binds()).length, 1);
});

Deno.test("10 reloads, each with a growth and a shrinking under way, lose no request", async () => {
  await using group = await Group.start({ workers: 3 });
  await losesNothing(
    group,
    times(10, async (index) => {
      const generation = index + 2;
      group.program.signal("SIGTTIN");
      group.program.signal("SIGHUP");
      await group.says(`worker 2: generation ${generation}: ready`);
      group.program.signal("SIGTTOU");
      await group.says("worker 3: removed");
    }),
  );
});

Deno.test("10 reloads of 4 workers whose program knows nothing of sockets lose no request", async () => {
  using port = OwnPort.take();
  await using group = await Group.start(activated(port, WORKERS));
  await losesNothing(group, times(10, () => group.reload(WORKERS)));
});
