import { waitReady, waitReadySync } from "../../ffi/files/readiness.ts";
import { connectionsTo } from "../../ffi/sockets/open_sockets.ts";
import { isListening } from "../../ffi/sockets/socket.ts";
import type { Report } from "../report.ts";
import { IdleWatch } from "./idle_watch.ts";

/** How a program is started by the first connection. */
export interface OnDemandOptions {
  /** After how long without connections it is ended, in ms; `Infinity`: never. */
  idle: number;
}

/** The longest wait for a connection, in ms; then the next one begins. */
const LONGEST = 0x7fffffff;

/** Says when a program is needed, and when it is not needed any more. */
export class OnDemand {
  readonly #sockets: readonly number[];
  readonly #idle: number;
  readonly #report: Report;
  #waiting: AbortController | undefined;
  #watch: IdleWatch | undefined;
  /** Whether it cannot be seen when the program is not needed. */
  #isBlind = false;
  /** The connections that waited when the program was needed. */
  #waitedAtStart: ReadonlySet<string> = new Set();

  /** @param sockets the program's */
  constructor(
    sockets: readonly number[],
    { idle }: OnDemandOptions,
    report: Report,
  ) {
    this.#sockets = sockets;
    this.#idle = idle;
    this.#report = report;
  }

  /** Calls `needed` once a connection or a datagram waits. */
  async waitForConnection(needed: () => void): Promise<void> {
    this.cancel();
    this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    while (!signal.aborted) {
      const isNeeded = await untilReadable(this.#sockets, signal);
      if (!isNeeded || signal.aborted) continue;
      this.#waitedAtStart = this.#connections();
      return needed();
    }
  }

  /** Calls `idle` once there was no connection for long enough. */
  watchIdle(idle: () => void): void {
    this.cancel();
    if (this.#isBlind || this.#idle === Infinity) return;
    this.#watch = new IdleWatch(this.#sockets, this.#idle, {
      idle: () => {
        this.cancel();
        idle();
      },
      blind: () => {
        this.cancel();
        this.#isBlind = true;
        this.#report(
          "--idle has no effect: the kernel does not report sockets (sock_diag(7))",
        );
      },
    });
  }

  /** Stops to wait and to watch. */
  cancel(): void {
    this.#waiting?.abort();
    this.#waiting = undefined;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  /**
   * Whether the program has taken what waited when it was needed: a connection
   * does not wait any more. For datagrams, and where the kernel does not report
   * connections: nothing waits any more.
   */
  get hasAccepted(): boolean {
    if (!this.#sockets.some((fd) => waitReadySync(fd, "read", 0))) return true;
    const waiting = this.#connections();
    return [...this.#waitedAtStart].some((each) => !waiting.has(each));
  }

  /** Those in the accept queues. */
  #connections(): ReadonlySet<string> {
    const found = this.#sockets.filter(isListening)
      .flatMap((fd) => connectionsTo(fd)?.waiting ?? []);
    return new Set(found);
  }
}

/** Resolves to false if aborted before, and after the longest wait. */
async function untilReadable(
  sockets: readonly number[],
  signal: AbortSignal,
): Promise<boolean> {
  const end = new AbortController();
  const either = AbortSignal.any([signal, end.signal]);
  try {
    return await Promise.race(
      sockets.map((fd) => waitReady(fd, "read", LONGEST, either)),
    );
  } finally {
    end.abort();
  }
}
