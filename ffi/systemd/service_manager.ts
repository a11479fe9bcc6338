/**
 * Notifies the service manager of readiness and reloads (sd_notify(3)), and
 * keeps sockets in its descriptor store across restarts
 * (sd_pid_notify_with_fds(3)).
 *
 * @module
 */
import { closeAll, type Descriptor, duplicate } from "../files/descriptor.ts";
import { sendDescriptors } from "../sockets/descriptor_passing.ts";
import { OsError } from "../libc/errno.ts";
import {
  environmentVariable,
  monotonicMicroseconds,
  processId,
} from "../processes/process.ts";
import { waitReady, waitReadySync } from "../files/readiness.ts";
import { send, tryConnect, unixDatagramSocket } from "../sockets/socket.ts";
import type { UnixAddress } from "../sockets/socket_address.ts";
import { socketPair } from "../sockets/socket_pair.ts";

/** How long to wait for a busy service manager, in ms. */
const PATIENCE = 5_000;

/** Messages that wait for a busy service manager. */
const MAX_QUEUED = 256;

/** A message that waits, with its own copies of the descriptors. */
interface QueuedMessage {
  readonly message: Uint8Array<ArrayBuffer>;
  readonly descriptors: readonly Descriptor[];
}

const encoder = new TextEncoder();

const ALIVE = encoder.encode("WATCHDOG=1");

/** The longest delay of a timer and of epoll_wait(2), in ms. */
const LONGEST = 0x7fffffff;

/**
 * Variables that a service manager sets for one process. Its children have to
 * start without them.
 */
export const MANAGER_VARIABLES: readonly string[] = [
  "NOTIFY_SOCKET",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
  "FDSTORE",
];

/**
 * Half of WatchdogSec= (systemd.service(5)) in ms, if the service manager wants
 * WATCHDOG=1 of this process (sd_watchdog_enabled(3)).
 */
function watchdogInterval(): number | undefined {
  const pid = environmentVariable("WATCHDOG_PID") ?? String(processId());
  const timeout = Number(environmentVariable("WATCHDOG_USEC") ?? "0");
  if (pid !== String(processId()) || !(timeout > 0)) return undefined;
  return Math.min(Math.max(Math.floor(timeout / 2_000), 1), LONGEST);
}

/** The service manager that started this process. */
export class ServiceManager implements Disposable {
  /**
   * How often {@linkcode ServiceManager.alive} has to be called, in ms;
   * `undefined` if the manager does not watch this process.
   */
  readonly aliveInterval: number | undefined = watchdogInterval();
  readonly #socket: Descriptor;
  readonly #failed: (reason: string) => void;
  readonly #queue: QueuedMessage[] = [];
  #isSending = false;
  #barrier: Promise<void> | undefined;
  /** Begins when {@linkcode #barrier} ends. */
  #nextBarrier: Promise<void> | undefined;

  private constructor(socket: Descriptor, failed: (reason: string) => void) {
    this.#socket = socket;
    this.#failed = failed;
  }

  /**
   * The service manager that NOTIFY_SOCKET names, if any. `failed` receives the
   * reason when a notification fails; serving continues.
   */
  static fromEnvironment(
    failed: (reason: string) => void,
  ): ServiceManager | undefined {
    const path = environmentVariable("NOTIFY_SOCKET");
    if (path === undefined || path === "") return undefined;
    const address: UnixAddress = { family: "unix", path };
    const socket = unixDatagramSocket();
    const errno = tryConnect(socket.fd, address);
    if (errno === 0) return new ServiceManager(socket, failed);
    socket.close();
    failed(new OsError("connect", errno, path).message);
    return undefined;
  }

  /** Reports that the service is ready; `systemctl status` shows `status`. */
  ready(status: string): void {
    this.#tell(["READY=1", `STATUS=${status}`]);
  }

  /** Sets the text that `systemctl status` shows. */
  status(status: string): void {
    this.#tell([`STATUS=${status}`]);
  }

  /**
   * Reports the begin of a reload; {@linkcode ServiceManager.ready} ends it.
   */
  reloading(): void {
    this.#tell([
      "RELOADING=1",
      `MONOTONIC_USEC=${monotonicMicroseconds()}`,
      "STATUS=Reloading",
    ]);
  }

  /** Reports that the service stops. */
  stopping(): void {
    this.#tell(["STOPPING=1", "STATUS=Stopping"]);
  }

  /**
   * Reports that the program is not stuck: call it from the loop that serves. Does
   * not wait for a busy manager, because the next report follows.
   */
  alive(): void {
    if (this.aliveInterval === undefined) return;
    try {
      this.#send(ALIVE, []);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      this.#failed(`WATCHDOG=1: ${error.message}`);
    }
  }

  /** Reports from Deno's event loop that it turns, until the result is disposed. */
  keepAlive(): Disposable {
    this.alive();
    const timer = this.aliveInterval === undefined
      ? undefined
      : setInterval(() => this.alive(), this.aliveInterval);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** Stores a copy of a socket for the next start of the service. */
  store(name: string, fd: number): void {
    // Without FDPOLL=0 (sd_notify(3)) the manager drops a socket while a
    // process has shut it down.
    this.#tell(["FDSTORE=1", "FDPOLL=0", `FDNAME=${name}`], [fd]);
  }

  /** Removes every stored copy of that name. */
  forget(name: string): void {
    this.#tell(["FDSTOREREMOVE=1", `FDNAME=${name}`]);
  }

  /**
   * Resolves when the service manager has processed all notifications until now: it
   * then closes the descriptor of BARRIER=1 (sd_notify_barrier(3)). Resolves after
   * five seconds in any case. There is one barrier at a time.
   */
  settle(): Promise<void> {
    if (this.#barrier === undefined) return this.#startBarrier();
    return this.#nextBarrier ??= this.#barrier.then(() => {
      this.#nextBarrier = undefined;
      return this.#startBarrier();
    });
  }

  #startBarrier(): Promise<void> {
    return this.#barrier = this.#passBarrier().finally(() =>
      this.#barrier = undefined
    );
  }

  async #passBarrier(): Promise<void> {
    using ends = new DisposableStack();
    try {
      const [ours, theirs] = socketPair();
      ends.use(ours);
      ends.use(theirs);
      this.#tell(["BARRIER=1"], [theirs.fd]);
      theirs.close();
      if (!await waitReady(ours.fd, "read", PATIENCE)) {
        this.#failed(`BARRIER=1: no response within ${PATIENCE} ms`);
      }
    } catch (error) {
      this.#failed(`BARRIER=1: ${messageOf(error)}`);
    }
  }

  /** Sends a message, after those that wait for a busy service manager. */
  #tell(assignments: readonly string[], descriptors: number[] = []): void {
    const message = encoder.encode(assignments.join("\n"));
    try {
      if (this.#queue.length === 0 && this.#send(message, descriptors)) return;
      if (this.#queue.length >= MAX_QUEUED) {
        throw new Error(`${MAX_QUEUED} messages wait for the service manager`);
      }
      this.#queue.push({ message, descriptors: duplicates(descriptors) });
      this.#sendLater();
    } catch (error) {
      this.#failed(`${assignments[0]}: ${messageOf(error)}`);
    }
  }

  async #sendLater(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#queue.length > 0) {
        const { fd } = this.#socket;
        if (!await waitReady(fd, "write", PATIENCE)) {
          throw new Error(
            `the service manager did not read for ${PATIENCE} ms`,
          );
        }
        this.#sendQueued();
      }
    } catch (error) {
      this.#dropQueued(error);
    } finally {
      this.#isSending = false;
    }
  }

  /** Sends what the service manager takes now. */
  #sendQueued(): void {
    for (let first; (first = this.#queue[0]) !== undefined;) {
      const { message, descriptors } = first;
      const sent = this.#send(message, descriptors.map(({ fd }) => fd));
      if (!sent) return;
      closeAll(descriptors);
      this.#queue.shift();
    }
  }

  #dropQueued(error: unknown): void {
    const dropped = this.#queue.splice(0);
    for (const { descriptors } of dropped) closeAll(descriptors);
    this.#failed(`${dropped.length} messages dropped: ${messageOf(error)}`);
  }

  /** Blocks until waiting messages are sent, at most `patience` ms. */
  flush(patience: number): void {
    const end = performance.now() + patience;
    try {
      while (this.#queue.length > 0) {
        const left = Math.max(end - performance.now(), 0);
        if (!waitReadySync(this.#socket.fd, "write", left)) {
          throw new Error(
            `the service manager did not read for ${patience} ms`,
          );
        }
        this.#sendQueued();
      }
    } catch (error) {
      this.#dropQueued(error);
    }
  }

  /** Returns false if the service manager has no room for it. */
  #send(message: Uint8Array<ArrayBuffer>, descriptors: number[]): boolean {
    const sent = descriptors.length === 0
      ? send(this.#socket.fd, message)
      : sendDescriptors(this.#socket.fd, message, descriptors);
    return sent !== -1;
  }

  /** Closes the connection. Messages that wait are lost. */
  [Symbol.dispose](): void {
    for (const { descriptors } of this.#queue.splice(0)) closeAll(descriptors);
    this.#socket.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function duplicates(descriptors: readonly number[]): Descriptor[] {
  const copies: Descriptor[] = [];
  try {
    for (const fd of descriptors) copies.push(duplicate(fd));
    return copies;
  } catch (error) {
    closeAll(copies);
    throw error;
  }
}
