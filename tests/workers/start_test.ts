import { assertEquals, assertMatch } from "@std/assert";
import { ask } from "../support/activate/activated.ts";
import { portOf, runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";
import { Group } from "../support/workers/group.ts";

const TASKSET = "/usr/bin/taskset";

Deno.test("each worker has its own socket of every TCP address, and they share the others", async () => {
  await using daemon = await Daemon.start();
  await using run = startClient(daemon, [
    ...["run", "--workers", "2", "--ready", "delay:0s"],
    ...[
      "127.0.0.1:0",
      `unix:@shared-by-workers-${Deno.pid}`,
      "127.0.0.2:0",
      "udp://127.0.0.1:0",
    ],
    ...["--", "sh", "-c"],
    'echo "$MULTIBINDER_WORKER $LISTEN_FDS $MULTIBINDER_FDS"; exec sleep 600',
  ]);
  const lines = [await run.output.next(" "), await run.output.next(" ")].sort();
  const [zero, one] = lines.map((line) => line.split(" "));
  run.signal("SIGTERM");
  await run.end();
  assertEquals([zero![0], one![0]], ["0", "1"]);
  assertEquals([zero![1], one![1]], ["4", "4"]);
  const inodes = [zero!, one!].map((words) => words[2]!.split(","));
  const isShared = inodes[0]!.map((inode, at) => inode === inodes[1]![at]);
  assertEquals(isShared, [false, true, false, true]);
});

Deno.test("without --workers a program is worker 0, whatever the number of the program that started run", async () => {
  await using daemon = await Daemon.start();
  await using run = startClient(daemon, [
    ...["run", "127.0.0.1:0", "--", "sh", "-c"],
    'echo "worker $MULTIBINDER_WORKER"; exec sleep 600',
  ], { env: { MULTIBINDER_WORKER: "7" } });
  assertEquals(await run.output.next("worker"), "worker 0");
  run.signal("SIGTERM");
  await run.end();
});

Deno.test({
  name: "--workers auto starts one worker for each processor that run may use",
  ignore: await lacks(TASKSET),
  fn: async () => {
    await using group = await Group.start({
      options: ["--workers", "auto"],
      under: [TASKSET, "--cpu-list", "0"],
    });
    await group.grow(2);
  },
});

Deno.test("a command that does not exist ends run with several workers with 127", async () => {
  await using daemon = await Daemon.start();
  const { code, errors } = await runClient(daemon, [
    ...["run", "--workers", "3", "127.0.0.1:0", "--", "no-such-program"],
  ]);
  assertEquals(code, 127);
  assertMatch(errors, /cannot start no-such-program/);
});

for (const value of ["0", "65", "-1", "two", "1.5"]) {
  Deno.test(`--workers ${value} is a usage error`, async () => {
    const { code, errors } = await runClient(undefined, [
      ...["run", `--workers=${value}`, "127.0.0.1:0", "--", "true"],
    ]);
    assertEquals(code, 2);
    assertMatch(errors, /invalid --workers .*: expected auto or a number/);
  });
}

Deno.test("serve --workers 2 serves a module with two workers", async () => {
  await using scratch = await Scratch.make();
  const module = scratch.join("main.ts");
  await Deno.writeTextFile(
    module,
    'export default { fetch: () => new Response(Deno.env.get("MULTIBINDER_WORKER")) };',
  );
  await using daemon = await Daemon.start();
  await using serve = startClient(daemon, [
    ...["serve", "--workers", "2", "127.0.0.1:0", module],
  ]);
  await serve.errors.next(": ready");
  await serve.errors.next(": ready");
  const port = await portOf(daemon);
  const workers = new Set<string>();
  await eventually("both workers answer", async () => {
    workers.add(await ask(port));
    return workers.size === 2;
  });
  serve.signal("SIGTERM");
  await serve.end();
  assertEquals([...workers].sort(), ["0", "1"]);
});
