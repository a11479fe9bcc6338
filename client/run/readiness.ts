import { NotificationSocket } from "../../ffi/notification_socket.ts";
import { waitReady } from "../../ffi/readiness.ts";
import { userId } from "../../ffi/process.ts";
import type { Peer } from "../../ffi/socket.ts";

/** How a new program shows that it is ready. */
export type ReadyWhen =
  /** It says READY=1. */
  | { kind: "notify" }
  /** It has run for `delay` ms. */
  | { kind: "delay"; delay: number }
  /** As `notify` if it says anything within `delay` ms, else as `delay`. */
  | { kind: "auto"; delay: number };

/** What is to happen as a program tells of itself. */
export interface Listener {
  /** It is ready to serve. */
  ready(): void;
  /** It was not within the time it had. */
  late(): void;
  /** STATUS=. */
  status(text: string): void;
  /** It may not be sent a signal. */
  refused(reason: string): void;
}

/** A wait with no other end than its signal, in ms. */
const FOREVER = 0x7fffffff;

/**
 * Listens to a program until it has ended. Also when it is long ready: the
 * kernel keeps a few messages, and who sends one more has to wait.
 */
export class Readiness implements Disposable {
  readonly #socket: NotificationSocket | undefined;
  readonly #when: ReadyWhen;
  readonly #timeout: number;
  readonly #ended = new AbortController();
  #listening = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #settled = false;

  /** `timeout` ms are how long it may take. */
  constructor(when: ReadyWhen, timeout: number) {
    this.#when = when;
    this.#timeout = timeout;
    this.#socket = when.kind === "delay"
      ? undefined
      : new NotificationSocket(`@multibinder-run-${crypto.randomUUID()}`);
  }

  /** What the program's NOTIFY_SOCKET is. */
  get notifySocket(): string | undefined {
    return this.#socket?.name;
  }

  /** Begins with the start of the program. */
  listen(pid: number, listener: Listener): void {
    this.#listening = true;
    const when = this.#when;
    if (when.kind === "notify") this.#settleAfter(this.#timeout, listener.late);
    else this.#settleAfter(when.delay, listener.ready);
    if (this.#socket !== undefined) this.#receive(this.#socket, pid, listener);
  }

  #settleAfter(delay: number, settle: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#settle(settle), delay);
  }

  #settle(settle: () => void): void {
    clearTimeout(this.#timer);
    if (this.#settled || this.#ended.signal.aborted) return;
    this.#settled = true;
    settle();
  }

  async #receive(
    socket: NotificationSocket,
    pid: number,
    listener: Listener,
  ): Promise<void> {
    const { signal } = this.#ended;
    let spoken = this.#when.kind === "notify";
    while (!signal.aborted) {
      await waitReady(socket.fd, "read", FOREVER, signal);
      if (signal.aborted) break;
      const message = socket.receive();
      if (message === undefined || !isFrom(message.sender, pid)) continue;
      if (!spoken && !this.#settled) {
        this.#settleAfter(this.#timeout, listener.late);
      }
      spoken = true;
      for (const assignment of message.assignments) {
        if (assignment === "READY=1") this.#settle(listener.ready);
        else if (assignment.startsWith("STATUS=")) {
          listener.status(assignment.slice("STATUS=".length));
        }
      }
    }
    socket[Symbol.dispose]();
  }

  /** The program has ended. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#ended.abort();
    // Else whoever receives closes it, when it has stopped waiting on it.
    if (!this.#listening) this.#socket?.[Symbol.dispose]();
  }
}

/**
 * Whether a message counts as the program's: it is its own, or from somebody
 * who could as well stop the program, such as a systemd-notify(1) it started.
 */
function isFrom({ pid, uid }: Peer, program: number): boolean {
  return pid === program || uid === 0 || uid === userId();
}
