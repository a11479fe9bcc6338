import { assertEquals, assertStringIncludes } from "@std/assert";
import { RestartPolicy } from "../../supervisor/restarts/restart_policy.ts";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";

const SHORT = { lifetime: 1_000, wasReady: true } as const;
const LONG = { lifetime: 20_000, wasReady: true } as const;
const CRASH = { code: 7 } as const;

/** How `run` ends with a COMMAND that ends with `code` at each start. */
async function endOf(
  code: number,
  options: readonly string[],
): Promise<{ code: number; errors: string }> {
  await using daemon = await Daemon.start();
  return await runClient(daemon, [
    "run",
    ...options,
    "127.0.0.1:0",
    "--",
    "sh",
    "-c",
    `exit ${code}`,
  ]);
}

Deno.test("--restart never: run ends with the exit code of the program", async () => {
  const { code, errors } = await endOf(7, ["--restart", "never"]);
  assertEquals(code, 7);
  assertStringIncludes(errors, "not restarted: --restart never");
});

Deno.test("--restart on-failure: exit code 0 ends run with 0", async () => {
  const { code, errors } = await endOf(0, ["--restart", "on-failure"]);
  assertEquals(code, 0);
  assertStringIncludes(errors, "not restarted: --restart on-failure");
});

Deno.test("--restart on-failure and --max-restarts: a failure is restarted, and run ends with the last exit code", async () => {
  const { code, errors } = await endOf(7, [
    "--restart",
    "on-failure",
    "--max-restarts",
    "2",
  ]);
  assertEquals(code, 7);
  assertEquals(errors.match(/started sh/g)?.length, 3);
  assertStringIncludes(
    errors,
    "not restarted: 2 restarts have failed (--max-restarts)",
  );
});

Deno.test("--restart never: one of several workers that ends is the end of all, with its exit code", async () => {
  await using daemon = await Daemon.start();
  await using run = startClient(daemon, [
    "run",
    "--workers",
    "2",
    "--restart",
    "never",
    "--ready",
    "delay:10ms",
    "127.0.0.1:0",
    "--",
    "sh",
    "-c",
    'if [ $MULTIBINDER_WORKER = 1 ]; then trap "exit 3" USR1; else trap : USR1; fi; echo up; while :; do sleep 0.1; done',
  ]);
  await run.errors.next("ready");
  await run.errors.next("ready");
  await run.output.next("up");
  await run.output.next("up");
  run.signal("SIGUSR1");
  assertEquals((await run.end()).code, 3);
});

Deno.test("--restart and --max-restarts: other values are usage errors", async () => {
  for (
    const options of [["--restart", "sometimes"], ["--max-restarts", "-1"]]
  ) {
    assertEquals((await endOf(0, options)).code, 2);
  }
});

Deno.test("restarts are counted from 0 after ten healthy seconds and after a reload", () => {
  const policy = new RestartPolicy({ restart: "always", maxRestarts: 1 });
  const restarts = (end: typeof SHORT | typeof LONG) =>
    policy.refusal({ ending: CRASH, ...end }) === undefined;
  assertEquals(restarts(SHORT), true);
  assertEquals(restarts(LONG), true);
  assertEquals(restarts(SHORT), false);
  policy.reset();
  assertEquals(restarts(SHORT), true);
});

Deno.test("a program that was not ready after a minute has failed", () => {
  const policy = new RestartPolicy({ restart: "always", maxRestarts: 1 });
  const end = { ending: CRASH, lifetime: 60_000, wasReady: false };
  assertEquals(policy.refusal(end), undefined);
  assertEquals(policy.refusal(end), "1 restart has failed (--max-restarts)");
});

Deno.test("--max-restarts 0: the first end is the last, and the reason names the option", () => {
  const policy = new RestartPolicy({ restart: "always", maxRestarts: 0 });
  const end = { ending: CRASH, lifetime: 1, wasReady: false };
  assertEquals(policy.refusal(end), "--max-restarts 0");
});
