import type { Configuration } from "../configuration/configuration.ts";

/**
 * The configuration in use and, while that one is on trial, the last one before
 * it that passed its trial.
 */
export class Configurations implements Disposable {
  #current: Configuration | undefined;
  #previous: Configuration | undefined;

  /** The one in use. */
  get current(): Configuration | undefined {
    return this.#current;
  }

  /** Whether there is a configuration to go back to. */
  get isOnTrial(): boolean {
    return this.#previous !== undefined;
  }

  /** Takes another one into use, on trial unless it is the first. */
  use(next: Configuration): void {
    if (this.#previous === undefined) this.#previous = this.#current;
    else this.#current?.[Symbol.dispose]();
    this.#current = next;
  }

  /** Ends the trial: the current one stays. */
  keep(): void {
    this.#previous?.[Symbol.dispose]();
    this.#previous = undefined;
  }

  /** Ends the trial: the previous one is in use again. */
  fallBack(): void {
    this.#current?.[Symbol.dispose]();
    this.#current = this.#previous;
    this.#previous = undefined;
  }

  [Symbol.dispose](): void {
    this.keep();
    this.#current?.[Symbol.dispose]();
  }
}
