import type { Notification } from "../ffi/systemd/notification_socket.ts";
import { userId } from "../ffi/processes/process.ts";
import { waitReady } from "../ffi/files/readiness.ts";
import { NotifySocket } from "./notify_socket.ts";
import type { Peer } from "../ffi/sockets/socket.ts";
import {
  ConnectionProbe,
  type ProbeOptions,
} from "./probe/connection_probe.ts";

/** When a program counts as ready. */
export type ReadyWhen =
  /** Once it sends READY=1. */
  | { kind: "notify" }
  /** Once it has run for `delay` ms. */
  | { kind: "delay"; delay: number }
  /** Like `notify` if it sends anything within `delay` ms, else like `delay`. */
  | { kind: "auto"; delay: number }
  /** Once it has accepted a connection. */
  | { kind: "tcp" }
  /** Once it answers a GET request for `path` with status 2xx or 3xx. */
  | { kind: "http"; path: string };

/** Options of {@linkcode Readiness}. */
export interface ReadinessOptions {
  /** The user of the program. Default: that of this process. */
  uid?: number | undefined;
  /** Whether it has to send WATCHDOG=1. Default: false. */
  hasWatchdog?: boolean;
}

/** Hears about the start of a program. */
export interface ReadinessEvents {
  /** It is ready. */
  ready(): void;
  /** It was not ready in time. `reason` says more, if more is known. */
  late(reason?: string): void;
  /** It sent STATUS=. */
  status(text: string): void;
  /** It sent MAINPID=: the process that goes on when it has ended. */
  mainProcess(pid: number): void;
  /** It sent WATCHDOG=1. */
  alive(): void;
  /** It cannot be seen whether a connection was accepted by this program. */
  blind(reason: string): void;
}

/** The longest wait for a message, in ms; it ends when the program does. */
const FOREVER = 0x7fffffff;

/** More messages than the queue has room for (512, net.unix.max_dgram_qlen). */
const ALL_MESSAGES = 1024;

/**
 * Messages in one turn of the event loop, and the pause after so many, in ms: a
 * sender that never pauses must not stop the loop, nor keep a processor busy.
 */
const MOST_MESSAGES = 128;
const PAUSE = 10;

/**
 * Receives the messages of a program (sd_notify(3)) until it ends. The messages
 * after READY=1 have to be received too: the queue of the socket is short, and a
 * program that sends to a full queue blocks.
 */
export class Readiness implements Disposable {
  readonly #notify: NotifySocket | undefined;
  readonly #uid: number | undefined;
  /** Takes messages that have arrived, until it ends; says how many. */
  #takeUpTo: (most: number) => number = () => 0;
  readonly #when: ReadyWhen;
  readonly #timeout: number;
  readonly #ended = new AbortController();
  readonly #probing = new AbortController();
  #isReceiving = false;
  /** Whether it has sent anything. */
  #mustNotify = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSettled = false;

  /** `timeout` is how long READY=1, or an answer, may take, in ms. */
  constructor(
    when: ReadyWhen,
    timeout: number,
    { uid, hasWatchdog = false }: ReadinessOptions = {},
  ) {
    this.#when = when;
    this.#timeout = timeout;
    this.#uid = uid;
    this.#notify = when.kind === "delay" && !hasWatchdog
      ? undefined
      : new NotifySocket(uid);
  }

  /** The program's NOTIFY_SOCKET. */
  get notifySocket(): string | undefined {
    return this.#notify?.name;
  }

  /**
   * Starts the clock for a program that has just been started.
   *
   * @param sockets the program's, which a probe connects to
   */
  listen(
    pid: number,
    sockets: readonly number[],
    events: ReadinessEvents,
  ): void {
    const when = this.#when;
    if (when.kind === "notify") this.#settleAfter(this.#timeout, events.late);
    else if ("delay" in when) this.#settleAfter(when.delay, events.ready);
    else {
      const path = when.kind === "http" ? when.path : undefined;
      const { blind } = events;
      this.#probe({ sockets, path, pid, blind }, events);
    }
    if (this.#notify !== undefined) this.#receive(this.#notify, pid, events);
  }

  async #probe(options: ProbeOptions, events: ReadinessEvents): Promise<void> {
    const probe = new ConnectionProbe(options);
    this.#settleAfter(this.#timeout, () => events.late(probe.lastResult));
    if (await probe.passes(this.#probing.signal)) this.#settle(events.ready);
  }

  #settleAfter(delay: number, settle: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(settle), delay);
  }

  #settle(settle: () => void): void {
    clearTimeout(this.#timer);
    if (this.#isSettled || this.#ended.signal.aborted) return;
    this.#isSettled = true;
    this.#probing.abort();
    settle();
  }

  async #receive(
    notify: NotifySocket,
    pid: number,
    events: ReadinessEvents,
  ): Promise<void> {
    using _closed = notify;
    this.#isReceiving = true;
    const { socket } = notify;
    const { signal } = this.#ended;
    this.#takeUpTo = (most) => {
      for (let count = 0; count < most; count++) {
        const message = signal.aborted ? undefined : socket.receive();
        if (message === undefined) return count;
        if (this.#isFrom(message.sender, pid)) this.#take(message, events);
      }
      return most;
    };
    while (!signal.aborted) {
      await waitReady(socket.fd, "read", FOREVER, signal);
      if (this.#takeUpTo(MOST_MESSAGES) < MOST_MESSAGES) continue;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  /** Takes the messages that have arrived and were not handled yet. */
  receive(): void {
    this.#takeUpTo(ALL_MESSAGES);
  }

  #take({ assignments }: Notification, events: ReadinessEvents): void {
    const { kind } = this.#when;
    if (kind === "auto" && !this.#mustNotify && !this.#isSettled) {
      this.#settleAfter(this.#timeout, events.late);
    }
    this.#mustNotify = true;
    for (const assignment of assignments) {
      const [name, value] = splitOnce(assignment);
      if (assignment === "READY=1") {
        if (kind === "auto" || kind === "notify") this.#settle(events.ready);
      } else if (assignment === "WATCHDOG=1") events.alive();
      else if (name === "STATUS") events.status(value);
      else if (name === "MAINPID") events.mainProcess(Number(value));
    }
  }

  /**
   * Whether a message counts as the program's: it comes from the program, or from
   * a user who could also stop it, such as a systemd-notify(1) that it started.
   */
  #isFrom({ pid, uid }: Peer, program: number): boolean {
    return pid === program || uid === 0 || uid === (this.#uid ?? userId());
  }

  /** Stops after the end of the program. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#ended.abort();
    this.#probing.abort();
    // A wait on the socket may be under way, which then closes it.
    if (this.#isReceiving) this.#notify?.remove();
    else this.#notify?.[Symbol.dispose]();
  }
}

function splitOnce(assignment: string): [name: string, value: string] {
  const at = assignment.indexOf("=");
  return [assignment.slice(0, at), assignment.slice(at + 1)];
}
