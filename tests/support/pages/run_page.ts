/**
 * Runs the commands of a page, one after another.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../client.ts";
import { eventually } from "../eventually.ts";
import type { Program } from "../program.ts";
import { otherTestOf, reasonNotToRun } from "./not_run.ts";
import { Sandbox } from "./sandbox.ts";
import { commandsOf, type ShellBlock } from "./shell_blocks.ts";

/** A command of a page that was run, or why it was not. */
export interface Outcome {
  command: string;
  reason?: string;
}

const SERVER = /\bmultibinder[- ]server\b|jsr:@multibinder\/server\b/;
const ENDS = /--(?:check-policy|completions|help|version)\b| completions /;
const SERVES =
  /\bmultibinder(?:-client)? (?:run|exec|serve|metrics --listen|list --watch)\b|\bmultibinder-haproxy (?!.* -c\b)|@multibinder\/client(?:\/haproxy)? (?:run|haproxy)|^deno run .*service\.ts/;
const BUILDS = /^deno (?:install|cache|task)\b/;

/** The URL at which a command serves. */
function urlOf(command: string, host: string): string {
  const [, port] = /:(\d{4})\b(?!.*--listen)/.exec(command) ?? [];
  const path = command.includes(" metrics ") ? "healthz" : "";
  const usual = /haproxy/.test(command) ? "8080" : "8000";
  return `http://${host}:${port ?? usual}/${path}`;
}

class Run {
  #daemon: Program | undefined;

  constructor(readonly sandbox: Sandbox) {}

  async perform(written: string): Promise<void> {
    const command = this.sandbox.substitute(written)
      .replace(/ #.*$/, "").replace(/ &(?: \w+=\$!)?$/, "").trim();
    const [, name, value] = /^export (\w+)=(.*)$/.exec(command) ?? [];
    if (name !== undefined) return this.sandbox.setVariable(name, value!);
    const ends = BUILDS.test(command) || ENDS.test(command);
    if (SERVER.test(command) && !ends) return await this.#startDaemon(command);
    if (!ends) await this.#needDaemon();
    if (SERVES.test(command) && !ends) return await this.#serve(command);
    await using program = this.sandbox.start(command);
    const { code, errors } = await program.end();
    assertEquals(code, 0, `${written}: ${errors}`);
  }

  async #needDaemon(): Promise<void> {
    if (this.#daemon !== undefined) return;
    await this.#startDaemon(`multibinder-server ${this.sandbox.sock}`);
  }

  async #startDaemon(command: string): Promise<void> {
    const old = this.#daemon;
    const takesOver = command.includes("--takeover");
    if (takesOver) await this.#needDaemon();
    else if (old !== undefined) await endOf(old);
    const before = this.#daemon;
    this.#daemon = this.sandbox.start(command);
    try {
      await this.#daemon.output.next("Listening for binds");
    } catch (error) {
      throw new Error(`${command}: ${this.#daemon.errors.text}`, {
        cause: error,
      });
    }
    if (takesOver) await endOf(before!);
    using session = await connect({ sock: this.sandbox.sock });
    assert((await session.status()).pid === this.#daemon.pid, command);
  }

  async #serve(command: string): Promise<void> {
    const program = this.sandbox.start(command);
    const url = urlOf(command, this.sandbox.host);
    const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    try {
      await eventually(
        () => `${command} answers at ${url}: ${program.errors.text}`,
        async () => {
          try {
            const signal = AbortSignal.timeout(5_000);
            const answer = await fetch(url, { client, signal });
            await answer.body?.cancel();
            return answer.status === 200;
          } catch {
            assert(!program.hasEnded, `${command}: ${program.errors.text}`);
            return false;
          }
        },
      );
    } finally {
      client.close();
      await endOf(program);
    }
  }

  async end(): Promise<void> {
    if (this.#daemon !== undefined) await endOf(this.#daemon);
  }
}

async function endOf(program: Program): Promise<void> {
  program.signal("SIGTERM");
  await program.end();
}

/** Runs the blocks of a page in a sandbox of their own. */
export async function runPage(
  blocks: readonly ShellBlock[],
): Promise<Outcome[]> {
  const planned = blocks.flatMap((block) =>
    commandsOf(block.text).map((command): Outcome => {
      const reason = otherTestOf(block) ?? reasonNotToRun(command);
      return reason === undefined ? { command } : { command, reason };
    })
  );
  if (planned.every(({ reason }) => reason !== undefined)) return planned;
  await using sandbox = await Sandbox.make();
  const run = new Run(sandbox);
  try {
    for (const { command, reason } of planned) {
      if (reason === undefined) await run.perform(command);
    }
  } finally {
    await run.end();
  }
  return planned;
}
