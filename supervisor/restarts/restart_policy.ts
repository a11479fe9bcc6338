import type { Ending } from "../../ffi/processes/child_process.ts";
import { STABLE } from "../restart_backoff.ts";

/** Which endings of a program are followed by a restart. */
export const RESTARTS = ["always", "on-failure", "never"] as const;

/** Whether and how often a program that has ended is restarted. */
export interface RestartLimits {
  /** `on-failure`: unless it ended with exit code 0. */
  restart: typeof RESTARTS[number];
  /** How many restarts may fail one after another; `Infinity` for no limit. */
  maxRestarts: number;
}

/** An end that nobody asked for. */
export interface UnexpectedEnd {
  ending: Ending;
  /** How long it ran, in ms. */
  lifetime: number;
  /** Whether it was ready before. */
  wasReady: boolean;
}

/** Whether it is exit code 0. */
export function isSuccess(ending: Ending): boolean {
  return "code" in ending && ending.code === 0;
}

/**
 * Decides whether a program is restarted. A restart has failed if the program was
 * not ready, or ended within ten seconds.
 */
export class RestartPolicy {
  readonly #limits: RestartLimits;
  /** Since the program last ran for long enough. */
  #restarts = 0;

  constructor(limits: RestartLimits) {
    this.#limits = limits;
  }

  /** Why there is no restart after this end; `undefined` if there is one. */
  refusal(end: UnexpectedEnd): string | undefined {
    const { restart } = this.#limits;
    if (restart === "never") return "--restart never";
    if (restart === "on-failure" && isSuccess(end.ending)) {
      return "--restart on-failure";
    }
    return this.limitReached(end);
  }

  /**
   * Counts a restart, whichever endings are followed by one: why it would be one too
   * many, or `undefined`.
   */
  limitReached(
    { lifetime, wasReady }: Omit<UnexpectedEnd, "ending">,
  ): string | undefined {
    const { maxRestarts } = this.#limits;
    if (wasReady && lifetime >= STABLE) this.reset();
    const failed = this.#restarts;
    if (failed >= maxRestarts) {
      if (failed === 0) return "--max-restarts 0";
      const what = failed === 1 ? "1 restart has" : `${failed} restarts have`;
      return `${what} failed (--max-restarts)`;
    }
    this.#restarts++;
    return undefined;
  }

  /** Counts from 0 again, since the program has changed. */
  reset(): void {
    this.#restarts = 0;
  }
}
