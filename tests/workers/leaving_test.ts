import { assert, assertEquals } from "@std/assert";
import { runs, stopped } from "../support/process_life.ts";
import { type Answer, Group } from "../support/workers/group.ts";

const REQUESTS = 20;

/** Stops the process of worker 1, and sends requests of which some wait for it. */
async function withQueue(
  group: Group,
): Promise<{ pid: number; answers: Promise<Answer[]> }> {
  const port = await group.port();
  const pid = (await group.processes(port)).get("1")!;
  await stopped(pid);
  const answers = group.askMany(port, REQUESTS);
  await group.untilQueued(1);
  return { pid, answers };
}

/** Removes worker 1, and waits until it gets no new connections. */
async function remove(group: Group): Promise<void> {
  group.program.signal("SIGTTOU");
  await group.says("worker 1: gets no new connections");
}

Deno.test("a worker that is removed serves its queue first", async () => {
  await using group = await Group.start({ workers: 2 });
  const { pid, answers } = await withQueue(group);
  await remove(group);
  Deno.kill(pid, "SIGCONT");
  assertEquals((await answers).length, REQUESTS);
  await group.says("worker 1: removed");
  assert((await answers).some((answer) => answer.pid === pid));
});

Deno.test("a worker that crashes while it is removed is restarted for its queue", async () => {
  await using group = await Group.start({ workers: 2 });
  const { pid, answers } = await withQueue(group);
  await remove(group);
  Deno.kill(pid, "SIGKILL");
  assertEquals((await answers).length, REQUESTS);
  await group.says("worker 1: removed");
  assert((await answers).some((each) => each.worker === "1"));
});

Deno.test("SIGTTIN takes back a worker that has not left yet", async () => {
  await using group = await Group.start({ workers: 2 });
  const { pid, answers } = await withQueue(group);
  await remove(group);
  await group.grow(2);
  Deno.kill(pid, "SIGCONT");
  assertEquals((await answers).length, REQUESTS);
  const processes = await group.processes(await group.port());
  assertEquals(processes.get("1"), pid);
  assert(!group.log.includes("worker 1: generation 2"), group.log);
});

Deno.test("a worker that does not serve its queue is ended after --drain-timeout", async () => {
  await using group = await Group.start({
    workers: 2,
    options: ["--drain-timeout", "300ms"],
  });
  const { answers } = await withQueue(group);
  const lost = answers.then(() => "answered", () => "lost");
  await remove(group);
  await group.says(
    "connections are still in its queue after 300 ms (--drain-timeout)",
  );
  await group.says("worker 1: removed");
  assertEquals(await lost, "lost");
});

Deno.test("a stop ends the workers that join and leave, too", async () => {
  await using group = await Group.start({ workers: 3 });
  const port = await group.port();
  const pids = [...(await group.processes(port)).values()];
  await group.plan("held");
  group.program.signal("SIGTTOU");
  await group.says("worker 2: gets no new connections");
  await group.says("worker 2: removed");
  group.program.signal("SIGTTIN");
  const started = await group.says("worker 2: generation 1: started");
  pids.push(Number(/process (\d+)/.exec(started)![1]));
  group.program.signal("SIGTERM");
  await group.program.end();
  for (const pid of pids) {
    assert(!await runs(pid), `process ${pid}`);
  }
});
