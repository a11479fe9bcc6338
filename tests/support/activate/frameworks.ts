/**
 * The examples of frameworks under `run`, reloaded under load.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { startClient } from "../client_program.ts";
import type { Daemon } from "../daemon.ts";
import type { Program } from "../program.ts";
import { load } from "../serve/load.ts";
import { treePath } from "../tree.ts";
import { ACTIVATE } from "./activated.ts";

/** The programs of examples/frameworks/. */
export const FRAMEWORKS = ["hono", "express", "fastify", "koa"] as const;

/** One of {@linkcode FRAMEWORKS}. */
export type Framework = typeof FRAMEWORKS[number];

function sourceOf(framework: Framework): string {
  return treePath(`examples/frameworks/${framework}.mjs`);
}

/**
 * For the option `ignore` of a test: fetches the frameworks. True, and a line that
 * says so, where npm cannot be reached; with MULTIBINDER_TESTS_REQUIRE_ALL that is
 * an error.
 */
export async function lacksFrameworks(): Promise<boolean> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--no-config", ...FRAMEWORKS.map(sourceOf)],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return false;
  const what = `the frameworks cannot be fetched from npm: ${
    new TextDecoder().decode(stderr)
  }`;
  if (Deno.env.has("MULTIBINDER_TESTS_REQUIRE_ALL")) throw new Error(what);
  console.log(`skipped: ${what}`);
  return true;
}

/** A framework under `run`. `await using` ends both. */
export class RunningFramework implements AsyncDisposable {
  #generation = 1;

  private constructor(readonly run: Program) {}

  /** Starts it on the daemon's socket at `:0`, and waits until it listens. */
  static async start(
    framework: Framework,
    daemon: Daemon,
    port: number,
  ): Promise<RunningFramework> {
    const service = ["run", "-A", "--no-config", `--preload=${ACTIVATE}`];
    const run = startClient(daemon, [
      ...["run", "--ready", "delay:100ms", ":0", "--", Deno.execPath()],
      ...service,
      sourceOf(framework),
    ], { env: { PORT: String(port) } });
    const running = new RunningFramework(run);
    try {
      await running.#isReady();
      return running;
    } catch (error) {
      await running[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #isReady(): Promise<void> {
    await this.run.errors.next(`generation ${this.#generation}: ready`);
    await this.run.output.next("listening");
  }

  /** Reloads it; the old generation has to end with exit code 0. */
  async reload(): Promise<void> {
    const old = this.#generation++;
    this.run.signal("SIGHUP");
    await this.#isReady();
    const ended = await this.run.errors.next(`generation ${old}: process`);
    assertMatch(ended, /exit code 0$/, this.run.errors.text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SIGTERM first: the service is a child of `run` and would outlive it.
    this.run.signal("SIGTERM");
    await this.run.end();
    await this.run[Symbol.asyncDispose]();
  }
}

const CLIENTS = 4;

/**
 * Performs `reloads` under load: no request may be lost, and each answer is of one
 * of `frameworks`, of which all answer.
 */
export async function underLoad(
  port: number,
  frameworks: readonly Framework[],
  reloads: readonly (() => Promise<void>)[],
): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  const loads = [false, true].map((persistent) =>
    load(port, { clients: CLIENTS, persistent, signal })
  );
  try {
    for (const reload of reloads) await reload();
  } finally {
    stop.abort();
    await Promise.all(loads);
  }
  const answering = new Set<string>();
  for (const { lost, names, closedBetween } of await Promise.all(loads)) {
    assertEquals(lost, []);
    // At most one for each connection and reload.
    assert(closedBetween <= CLIENTS * reloads.length, String(closedBetween));
    assert(names.size > 1, [...names].join());
    for (const name of names) {
      answering.add(/^hello from (\w+) \d+$/m.exec(name)?.[1] ?? name);
    }
  }
  assertEquals(
    [...answering].map((name) => name.toLowerCase()).sort(),
    frameworks.toSorted(),
  );
}
