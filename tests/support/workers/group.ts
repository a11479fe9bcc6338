/**
 * Several workers under `run`.
 *
 * @module
 */
import type { BindDescription } from "../../../protocol.ts";
import { startClient } from "../client_program.ts";
import { Daemon } from "../daemon.ts";
import { eventually } from "../eventually.ts";
import type { OwnPort } from "../loopback.ts";
import type { Program } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";

const SERVICE = treePath("tests/support/workers/service.ts");

/** Options of {@linkcode Group.start}. */
export interface GroupOptions {
  /** The number of workers. Default: none is given. */
  workers?: number;
  /** Other options of `run`. Default: none. */
  options?: readonly string[];
  /** Default: port 0 of 127.0.0.1. */
  address?: string;
  /** Default: the service of service.ts, which sends READY=1. */
  command?: readonly string[];
  /** Variables of `run`. Default: none. */
  env?: Record<string, string>;
  /** A program to start `run` with. Default: none. */
  under?: readonly string[];
}

/** The answer of a worker. */
export interface Answer {
  /** Its MULTIBINDER_WORKER. */
  worker: string;
  pid: number;
  version: string;
}

/** Workers of a program that knows nothing of the daemon: activated.ts. */
export function activated(port: OwnPort, workers: number): GroupOptions {
  const activate = treePath("client/activate/mod.ts");
  const service = treePath("tests/support/workers/activated.ts");
  return {
    workers,
    address: `127.0.0.1:${port.number}`,
    command: [
      ...[Deno.execPath(), "run", "-A", "--no-check"],
      ...[`--preload=${activate}`, service],
    ],
    env: { PORT: String(port.number) },
  };
}

/** A daemon, and `run` with workers. `await using` ends them. */
export class Group implements AsyncDisposable {
  /** The generation of the workers that were there from the start. */
  generation = 1;

  private constructor(
    readonly scratch: Scratch,
    readonly daemon: Daemon,
    /** `run`. */
    public program: Program,
    readonly options: GroupOptions,
  ) {}

  /** Starts it, and waits until all workers are ready. */
  static async start(options: GroupOptions = {}): Promise<Group> {
    await using stack = new AsyncDisposableStack();
    const scratch = stack.use(await Scratch.make());
    const daemon = stack.use(await Daemon.start());
    await Deno.writeTextFile(scratch.join("plan"), "v1");
    const program = startRun(daemon, scratch, options);
    const group = stack.use(new Group(scratch, daemon, program, options));
    await group.areReady(options.workers ?? 1);
    stack.move();
    return group;
  }

  /** Waits for as many lines that say so. */
  async areReady(count: number): Promise<void> {
    for (let each = 0; each < count; each++) await this.says(": ready");
  }

  /** Ends `run` and starts it again with another number of workers. */
  async restart(workers: number | undefined): Promise<void> {
    this.program.signal("SIGTERM");
    await this.program.end();
    const { workers: _, ...options } = this.options;
    this.program = startRun(this.daemon, this.scratch, {
      ...options,
      ...(workers !== undefined && { workers }),
    });
    this.generation = 1;
    await this.areReady(workers ?? 1);
  }

  /** Waits for a line of `run` that has `part`. */
  says(part: string): Promise<string> {
    return this.program.errors.next(part);
  }

  /** What `run` has written. */
  get log(): string {
    return this.program.errors.text;
  }

  /** Has the next start be of another version. */
  async plan(version: string): Promise<void> {
    await Deno.writeTextFile(this.scratch.join("next"), version);
    await Deno.rename(this.scratch.join("next"), this.scratch.join("plan"));
  }

  /** Reloads `count` workers, and waits until the old generations have ended. */
  async reload(count: number): Promise<void> {
    const old = this.generation++;
    this.program.signal("SIGHUP");
    const waited = Array.from({ length: count }, (_, index) => index);
    for (const index of waited) {
      await this.says(`worker ${index}: generation ${this.generation}: ready`);
    }
    await eventually(
      () => `the end of generation ${old}:\n${this.log}`,
      () =>
        waited.every((index) =>
          this.log.includes(`worker ${index}: generation ${old}: process`)
        ),
    );
  }

  /** Adds a worker and waits until it gets connections. */
  async grow(count: number): Promise<void> {
    this.program.signal("SIGTTIN");
    await this.says(`: ${count} worker`);
  }

  /** Removes a worker and waits until its sockets are released. */
  async shrink(count: number): Promise<void> {
    this.program.signal("SIGTTOU");
    await this.says(`worker ${count}: removed`);
  }

  /** The daemon's sockets. */
  async binds(): Promise<BindDescription[]> {
    using session = await this.daemon.session();
    return await session.list();
  }

  /** Waits until a connection waits in the queue of a worker. */
  async untilQueued(worker: number): Promise<void> {
    await eventually(
      () => `a connection waits for worker ${worker}:\n${this.log}`,
      async () =>
        (await this.binds()).some(({ options, waiting = 0 }) =>
          options.shard === worker && waiting > 0
        ),
    );
  }

  /** Lets services of the version "held" begin to serve. */
  async letGoOn(): Promise<void> {
    await Deno.writeTextFile(this.scratch.join("plan.go_on"), "");
  }

  /** A request on a new connection. */
  async ask(port: number): Promise<Answer> {
    using connection = await Deno.connect({ port });
    await connection.write(new TextEncoder().encode(
      "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
    ));
    const text = await new Response(connection.readable).text();
    if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`answer: ${text}`);
    const [worker = "", pid, version = ""] = text.split("\r\n").at(-1)!
      .split(" ");
    return { worker, pid: Number(pid), version };
  }

  /** The answers to requests on `count` new connections, `most` at a time. */
  async askMany(port: number, count: number, most = 20): Promise<Answer[]> {
    const answers: Answer[] = [];
    while (answers.length < count) {
      const batch = Math.min(most, count - answers.length);
      answers.push(
        ...await Promise.all(
          Array.from({ length: batch }, () => this.ask(port)),
        ),
      );
    }
    return answers;
  }

  /** The process of each worker, of which all have to answer soon. */
  async processes(port: number): Promise<Map<string, number>> {
    const answers = await this.askMany(port, 60);
    return new Map(answers.map(({ worker, pid }) => [worker, pid]));
  }

  /** The port of the group. */
  async port(): Promise<number> {
    const [first] = await this.binds();
    return Number((first!.bound ?? first!.address).split(":").at(-1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // SIGTERM first: the workers are children of `run` and would outlive it.
    this.program.signal("SIGTERM");
    await this.program.end();
    await this.program[Symbol.asyncDispose]();
    await this.daemon[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

function startRun(
  daemon: Daemon,
  scratch: Scratch,
  { workers, options = [], address = "127.0.0.1:0", command, env, under }:
    GroupOptions,
): Program {
  const count = workers === undefined ? [] : ["--workers", String(workers)];
  const service = command ??
    [Deno.execPath(), "run", "-A", "--no-check", SERVICE];
  return startClient(
    daemon,
    [
      ...["run", "--ready", "notify", ...count, ...options],
      ...[address, "--", ...service, scratch.join("plan")],
    ],
    { ...(env && { env }), ...(under && { under }) },
  );
}
