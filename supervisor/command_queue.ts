/** What a command does. Its signal aborts when the command is interrupted. */
export type Perform = (interrupted: AbortSignal) => Promise<void>;

/** Interrupts a command that is performed again after an urgent one. */
export class GiveWay extends Error {}

interface Command {
  readonly name: string;
  readonly perform: Perform;
  /** Whether it is performed before commands that were added earlier. */
  readonly isUrgent: boolean;
  readonly result: PromiseWithResolvers<void>;
  interruption: AbortController;
}

/** Commands that are performed one after another. */
export class CommandQueue {
  readonly #waiting: Command[] = [];
  #current: Command | undefined;
  /** Why no command is accepted any more. */
  #closed: Error | undefined;

  /**
   * Adds a command: its result. If one of that name waits already, nothing is
   * added and the result is that one's.
   */
  add(name: string, perform: Perform): Promise<void> {
    return this.#add(name, perform, false);
  }

  /**
   * Adds a command before all others, and interrupts the one under way. If that
   * one throws the reason of its signal, it is performed again afterwards; it
   * may also ignore the interruption and finish.
   */
  addUrgent(name: string, perform: Perform): Promise<void> {
    const current = this.#current;
    const result = this.#add(name, perform, true);
    if (current?.isUrgent === false) current.interruption.abort(new GiveWay());
    return result;
  }

  /**
   * Ends the queue: commands that wait are rejected with `reason`, the one
   * under way is interrupted with it, and `last` is performed after that one.
   */
  close(reason: Error, last: Perform): Promise<void> {
    const current = this.#current;
    for (const { result } of this.#waiting.splice(0)) result.reject(reason);
    const result = this.#add("close", last, false);
    this.#closed = reason;
    current?.interruption.abort(reason);
    return result;
  }

  #add(name: string, perform: Perform, isUrgent: boolean): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const same = this.#waiting.find((each) => each.name === name);
    if (same !== undefined) return same.result.promise;
    const command = {
      name,
      perform,
      isUrgent,
      result: Promise.withResolvers<void>(),
      interruption: new AbortController(),
    };
    if (isUrgent) this.#putFirst(command);
    else this.#waiting.push(command);
    if (this.#current === undefined) this.#performAll();
    return command.result.promise;
  }

  /** Puts a command before all others that are not urgent. */
  #putFirst(command: Command): void {
    const at = this.#waiting.findIndex(({ isUrgent }) => !isUrgent);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, command);
  }

  async #performAll(): Promise<void> {
    while ((this.#current = this.#waiting.shift()) !== undefined) {
      await this.#perform(this.#current);
    }
  }

  async #perform(command: Command): Promise<void> {
    const { signal } = command.interruption;
    try {
      await command.perform(signal);
      command.result.resolve();
    } catch (error) {
      if (!(error instanceof GiveWay)) command.result.reject(error);
      else if (this.#closed !== undefined) command.result.reject(this.#closed);
      else {
        command.interruption = new AbortController();
        this.#putFirst(command);
      }
    }
  }
}
