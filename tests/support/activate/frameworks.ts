/**
 * The examples of frameworks under `run`, reloaded under load.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { startClient } from "../client_program.ts";
import { Daemon } from "../daemon.ts";
import type { Program } from "../program.ts";
import { underLoad, untilSeen } from "../serve/under_load.ts";
import { treePath } from "../tree.ts";
import { ACTIVATE, portAt } from "./activated.ts";

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
export async function reloadUnderLoad(
  port: number,
  frameworks: readonly Framework[],
  reloads: readonly (() => Promise<void>)[],
): Promise<void> {
  const { lost, names, closedBetween } = await underLoad(
    { port },
    async (seen) => {
      const all = Promise.all(
        frameworks.map((each) =>
          untilSeen(seen, new RegExp(`^hello from ${each} `, "i"))
        ),
      );
      for (const reload of reloads) await reload();
      await all;
    },
    { clients: CLIENTS },
  );
  assertEquals(lost, []);
  // At most one for each connection and reload.
  assert(closedBetween <= CLIENTS * reloads.length, String(closedBetween));
  assert(names.size > frameworks.length, [...names].join());
  const answering = Array.from(
    names,
    (name) => /^hello from (\w+) \d+$/m.exec(name)?.[1] ?? name,
  );
  assertEquals(
    [...new Set(answering)].map((name) => name.toLowerCase()).sort(),
    frameworks.toSorted(),
  );
}

/** Starts a framework, and reloads it `count` times under load. */
export async function timesUnderLoad(
  framework: Framework,
  count: number,
): Promise<void> {
  await using daemon = await Daemon.start();
  const port = await portAt(daemon, ":0");
  await using service = await RunningFramework.start(framework, daemon, port);
  const reloads = Array.from({ length: count }, () => () => service.reload());
  await reloadUnderLoad(port, [framework], reloads);
}
