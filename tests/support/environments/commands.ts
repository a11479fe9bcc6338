/**
 * The commands `exec` and `run` in an environment.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  type ClientOptions,
  runClient,
  startClient,
} from "../client_program.ts";
import type { Daemon } from "../daemon.ts";

/**
 * Asserts that `exec` passes a socket and the environment, and that `run` starts,
 * reloads and ends a command.
 *
 * @param printEnvironment a command that prints its environment
 * @param options with the variable MARK, which is "passed on"
 */
export async function assertExecAndRunWork(
  daemon: Daemon,
  printEnvironment: readonly string[],
  options: ClientOptions,
): Promise<void> {
  const { code, output, errors } = await runClient(
    daemon,
    ["exec", "127.0.0.1:0", "--", ...printEnvironment],
    options,
  );
  assertEquals(code, 0, errors);
  assertStringIncludes(output, "LISTEN_FDS=1");
  assertStringIncludes(output, "MARK=passed on");
  await using run = startClient(
    daemon,
    ["run", "127.0.0.1:0", "--", "sleep", "600"],
    options,
  );
  await run.errors.next("generation 1: ready");
  run.signal("SIGHUP");
  await run.errors.next("generation 2: ready");
  run.signal("SIGTERM");
  // As the service, which SIGTERM ends.
  assertEquals((await run.end()).code, 143);
}
