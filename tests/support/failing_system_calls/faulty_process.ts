/**
 * A daemon process whose C library fails according to a test's plan.
 *
 * @module
 */
import { settled } from "../process_state.ts";
import { Program } from "../program.ts";
import { MINIMAL_FLAGS } from "../daemon.ts";
import { Scratch, treePath } from "../tree.ts";
import { type Call, encodePlan, type Fault, type Report } from "./plan.ts";

/** Options of {@linkcode FaultyProcess.start}. */
export interface FaultyOptions {
  /** Faults from the first call on. Default: none. */
  faults?: readonly Fault[];
  /** Whether calls are traced from the first one on. Default: no. */
  traced?: boolean;
  /** Options of the daemon's command line. Default: none. */
  args?: readonly string[];
  /** Permission flags. Default: the C library and nothing else. */
  permissions?: readonly string[];
  /** Variables to set. Default: none. */
  env?: Record<string, string>;
  /** A program to start it with, such as `env ...`. Default: none. */
  under?: readonly string[];
  /** Its control socket. Default: one of its own. */
  sock?: string;
}

/** A daemon with the files of its plan and of its report. */
export class FaultyProcess implements AsyncDisposable {
  readonly #scratch: Scratch;
  readonly #plan: Deno.FsFile;
  readonly #report: string;
  #serial = 0;
  /** The process. */
  program!: Program;
  /** Path of its control socket. */
  readonly sock: string;

  private constructor(scratch: Scratch, sock: string | undefined) {
    this.#scratch = scratch;
    this.sock = sock ?? scratch.join("control.sock");
    this.#report = scratch.join("report");
    const options = { write: true, create: true };
    this.#plan = Deno.openSync(scratch.join("plan"), options);
    Deno.writeTextFileSync(this.#report, "");
  }

  /** Starts a daemon without waiting. */
  static async start(options: FaultyOptions = {}): Promise<FaultyProcess> {
    const { permissions = MINIMAL_FLAGS, args = [], env, under = [] } = options;
    const scratch = await Scratch.make();
    const process = new FaultyProcess(scratch, options.sock);
    const { sock } = process;
    process.#write(options.faults ?? [], options.traced ?? false);
    const script = treePath(
      "tests/support/failing_system_calls/faulty_daemon.ts",
    );
    const files = [scratch.join("plan"), process.#report];
    const [command, ...rest] = [
      ...under,
      ...[Deno.execPath(), "run", ...permissions, script, ...files],
      ...[...args, sock],
    ];
    process.program = Program.start(command!, {
      args: rest,
      ...(env && { env }),
    });
    return process;
  }

  /** Starts a daemon without faults and waits until it listens. */
  static async listening(options: FaultyOptions = {}): Promise<FaultyProcess> {
    const process = await FaultyProcess.start(options);
    try {
      await process.listens();
      return process;
    } catch (cause) {
      await process[Symbol.asyncDispose]();
      const { text } = process.program.errors;
      throw new Error(`the daemon wrote: ${text}`, { cause });
    }
  }

  /** Waits until the daemon prints that it listens. */
  async listens(): Promise<void> {
    await this.program.output.next("Listening for binds on control socket");
  }

  /** Whether the daemon has exited. */
  get ended(): boolean {
    try {
      Deno.readLinkSync(`/proc/${this.pid}/exe`);
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return true;
      throw error;
    }
  }

  /** Its process. */
  get pid(): number {
    return this.program.pid;
  }

  /** A path beside its control socket. */
  join(name: string): string {
    return this.#scratch.join(name);
  }

  #write(faults: readonly Fault[], traced: boolean): void {
    const plan = { serial: ++this.#serial, traced, faults: [...faults] };
    const bytes = encodePlan(plan);
    const written = this.#plan.writeSync(bytes);
    if (written !== bytes.length) throw new Error("the plan was cut");
  }

  /** Replaces the faults, from the next call on. */
  inject(...faults: Fault[]): void {
    this.#write(faults, false);
  }

  /** Removes all faults, from the next call on. */
  recover(): void {
    this.#write([], false);
  }

  /** Reports calls, from the next one on. */
  trace(): void {
    this.#write([], true);
  }

  #reports(): Report[] {
    // The text after the last newline is an incomplete line.
    const lines = Deno.readTextFileSync(this.#report).split("\n").slice(0, -1);
    return lines.map((line): Report => JSON.parse(line));
  }

  /** The number of the image that the daemon runs. */
  get servingImage(): number {
    const images = this.#reports().filter((each) => each.event === "image");
    return images.findLast(({ pid }) => pid === this.pid)?.image ?? 0;
  }

  /** The number of the last image that was started, by an exec or as a check. */
  get image(): number {
    return this.#reports().findLast((each) => each.event === "image")?.image ??
      0;
  }

  /** Number of the last injected faults that have happened. */
  get happened(): number {
    return this.#reports().filter((each) =>
      each.event === "fault" && each.serial === this.#serial
    ).length;
  }

  /** The calls since the last `trace`, each place once. */
  calls(): Call[] {
    const places = new Map<string, Call>();
    for (const each of this.#reports()) {
      if (each.event !== "call" || each.serial !== this.#serial) continue;
      const { symbol, site, image } = each;
      places.set(`${image} ${symbol} ${site}`, { symbol, site, image });
    }
    return [...places.values()];
  }

  /** Waits until Deno has opened its own descriptors. */
  async settled(): Promise<void> {
    await settled(this.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    this.#plan.close();
    await this.#scratch[Symbol.asyncDispose]();
  }
}
