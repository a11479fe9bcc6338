import { formatDuration } from "../../duration.ts";
import type { Report } from "../report.ts";

/** How many replaced processes may drain, and for how long. */
export interface DrainLimits {
  /** How many may drain at the same time; the oldest is ended first. */
  maxDraining: number;
  /** How long each may drain, in ms; `Infinity` for no limit. */
  drainTimeout: number;
}

/** How many may drain by default. */
export const DEFAULT_MAX_DRAINING = 8;

/** A replaced process that finishes its connections and then ends. */
export interface DrainingProcess {
  /** Its name in messages, such as `HAProxy 4711`. */
  readonly title: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
  readonly isRunning: boolean;
  /** Asks it to end at once, and kills it a little later. */
  cutShort(): void;
}

/** The longest delay of setTimeout, in ms (24 days). */
const LONGEST_TIMER = 0x7fffffff;

interface Entry {
  readonly process: DrainingProcess;
  readonly since: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The processes that drain. Those over a limit are ended. */
export class Draining {
  readonly #limits: DrainLimits;
  readonly #report: Report;
  /** The oldest first. */
  readonly #entries = new Map<DrainingProcess, Entry>();

  constructor(limits: DrainLimits, report: Report) {
    this.#limits = limits;
    this.#report = report;
  }

  /** Adds a process that begins to drain now. */
  add(process: DrainingProcess): void {
    if (!process.isRunning || this.#entries.has(process)) return;
    const { maxDraining, drainTimeout } = this.#limits;
    const entry: Entry = {
      process,
      since: performance.now(),
      timer: undefined,
    };
    if (drainTimeout <= LONGEST_TIMER) {
      const limit = `${formatDuration(drainTimeout)} (--drain-timeout)`;
      entry.timer = setTimeout(() => this.#cut(entry, limit), drainTimeout);
    }
    this.#entries.set(process, entry);
    process.ended.then(() => this.#remove(entry));
    while (this.#entries.size > maxDraining) {
      const [oldest] = this.#entries.values();
      this.#cut(oldest!, `${maxDraining} (--max-draining)`);
    }
  }

  #remove(entry: Entry): void {
    clearTimeout(entry.timer);
    this.#entries.delete(entry.process);
  }

  #cut(entry: Entry, limit: string): void {
    this.#remove(entry);
    const { process, since } = entry;
    if (!process.isRunning) return;
    const age = formatDuration(wholeUnits(performance.now() - since));
    this.#report(
      `${process.title} ended after ${age} of draining: limit of ${limit}`,
    );
    process.cutShort();
  }
}

/** Rounds a duration to seconds, or to milliseconds below one second. */
function wholeUnits(duration: number): number {
  return duration < 1000
    ? Math.round(duration)
    : 1000 * Math.round(duration / 1000);
}
