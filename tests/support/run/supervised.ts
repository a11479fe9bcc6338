/**
 * A service under `run`, with the behaviour that a test plans.
 *
 * @module
 */
import { portOf, startClient } from "../client_program.ts";
import { Daemon } from "../daemon.ts";
import type { Program } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";

/** The interpreter of `service.py`: the program that `run` starts. */
export const PYTHON = "/usr/bin/python3";

/** The behaviour of the next start; see `service.py`. */
export interface Plan {
  name: string;
  ready?: "notify" | "status" | "silent" | "chatty";
  crash?: number;
  code?: number;
  ignore?: boolean;
  child?: boolean;
  hold?: boolean;
  unprepared?: boolean;
  busy?: boolean;
  stubborn?: boolean;
  alive?: boolean;
  unabortable?: boolean;
}

/** A service that says when it is ready. */
const V1: Plan = { name: "v1", ready: "notify" };

/** The answer to a request, with the process that gave it. */
export interface Answer {
  name: string;
  pid: number;
  pgid: number;
  variables: Record<string, string>;
  descriptors: number[];
}

/** Options of {@linkcode Supervised.start}. */
export interface SupervisedOptions {
  /** Options of `run`. Default: `--ready notify`. */
  options?: readonly string[];
  /** Variables to set. Default: none. */
  env?: Record<string, string>;
  /** Permission flags beside libc. Default: none. */
  permissions?: readonly string[];
  /** A program to start `run` with. Default: none. */
  under?: readonly string[];
}

/** A daemon, and `run` with the service. `await using` ends them. */
export class Supervised implements AsyncDisposable {
  private constructor(
    readonly daemon: Daemon,
    /** `run`. */
    readonly program: Program,
    readonly port: number,
    readonly scratch: Scratch,
  ) {}

  /** Starts the service and does not wait. */
  static async start(
    plan = V1,
    { options = ["--ready", "notify"], ...rest }: SupervisedOptions = {},
  ): Promise<Supervised> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make());
    const daemon = stack.use(await Daemon.start());
    await write(scratch, plan);
    const service = [PYTHON, treePath("tests/support/run/service.py")];
    const program = stack.use(
      startClient(
        daemon,
        [
          "run",
          ...options,
          "127.0.0.1:0",
          "--",
          ...service,
          scratch.join("plan"),
        ],
        rest,
      ),
    );
    const port = await portOf(daemon);
    stack.move();
    return new Supervised(daemon, program, port, scratch);
  }

  /** Starts one and waits until it serves. */
  static async serving(
    plan = V1,
    options?: SupervisedOptions,
  ): Promise<Supervised> {
    const supervised = await Supervised.start(plan, options);
    try {
      await supervised.says("generation 1: ready");
      return supervised;
    } catch (error) {
      await supervised[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Plans the next start. */
  async plan(plan: Plan): Promise<void> {
    await write(this.scratch, plan);
  }

  /** Waits for a line of `run` that has `part`. */
  says(part: string): Promise<string> {
    return this.program.errors.next(part);
  }

  /** Plans the next start and sends the signal for a reload. */
  async reload(plan: Plan): Promise<void> {
    await this.plan(plan);
    this.program.signal("SIGHUP");
  }

  /** Releases services that are on hold or have a slow request. */
  async letGoOn(): Promise<void> {
    await Deno.writeTextFile(this.scratch.join("go_on"), "");
  }

  /** A request on a new connection. */
  async ask(path = "/"): Promise<Answer> {
    using connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: this.port,
    });
    await connection.write(
      new TextEncoder().encode(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`),
    );
    const text = await new Response(connection.readable).text();
    if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`answer: ${text}`);
    return JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.letGoOn();
    // SIGTERM first: the service is a child of `run` and would outlive it.
    this.program.signal("SIGTERM");
    await this.program.end();
    await this.program[Symbol.asyncDispose]();
    await this.daemon[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** Replaces the file, so that a service never reads half a plan. */
async function write(scratch: Scratch, plan: Plan): Promise<void> {
  await Deno.writeTextFile(scratch.join("next"), JSON.stringify(plan));
  await Deno.rename(scratch.join("next"), scratch.join("plan"));
}
