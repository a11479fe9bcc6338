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
  refusal({ ending, lifetime, wasReady }: UnexpectedEnd): string | undefined {
    const { restart, maxRestarts } = this.#limits;
    if (restart === "never") return "--restart never";
    const isSuccess = "code" in ending && ending.code === 0;
    if (restart === "on-failure" && isSuccess) return "--restart on-failure";
    if (wasReady && lifetime >= STABLE) this.reset();
    if (this.#restarts >= maxRestarts) {
      return `${this.#restarts} restarts have failed (--max-restarts)`;
    }
    this.#restarts++;
    return undefined;
  }

  /** Counts from 0 again, since the program has changed. */
  reset(): void {
    this.#restarts = 0;
  }
}
