import {
  childEnding,
  commandPath,
  type Ending,
  sendSignal,
  startChild,
} from "../ffi/child_process.ts";
import { checkExecutable } from "../ffi/file.ts";
import { StartError } from "../client/command/start_error.ts";
import { signalNumber } from "../ffi/signal_numbers.ts";

/** Who is waited for here; as process 1 we reap everybody else as well. */
const awaited = new Set<number>();

/** Whether somebody here waits for a child. */
export function isAwaited(pid: number): boolean {
  return awaited.has(pid);
}

/** What a child is started with. */
export interface Plan {
  command: string;
  args: readonly string[];
  /** `NAME=value`. */
  environment: readonly string[];
  /** From 0 on; what is missing of 0, 1, 2 is as ours. */
  descriptors: ReadonlyMap<number, number | string>;
}

/**
 * A child with no other descriptors than the plan's, no signal blocked or
 * ignored, and a process group of its own: what a terminal sends to the
 * group of ours is for us to pass on.
 */
export class Child {
  readonly pid: number;
  /** How it ended, once it has. It is reaped then. */
  readonly ended: Promise<Ending>;
  #over = false;

  /** @throws {StartError} */
  constructor({ command, args, environment, descriptors }: Plan) {
    this.pid = StartError.during(command, () => {
      const path = commandPath(command);
      checkExecutable(path);
      return startChild({
        path,
        argv: [command, ...args],
        environment,
        descriptors,
        ownGroup: true,
      });
    });
    awaited.add(this.pid);
    this.ended = this.#wait();
  }

  async #wait(): Promise<Ending> {
    try {
      return await childEnding(this.pid);
    } finally {
      this.#over = true;
      awaited.delete(this.pid);
    }
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#over;
  }

  /** Sends it a signal, if it still runs. */
  signal(signal: Deno.Signal): void {
    if (!this.#over) sendSignal(this.pid, signalNumber(signal));
  }
}
