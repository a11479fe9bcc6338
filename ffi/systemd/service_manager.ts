/**
 * Notifies the service manager of readiness and reloads (sd_notify(3)), and
 * keeps sockets in its descriptor store across restarts
 * (sd_pid_notify_with_fds(3)).
 *
 * @module
 */
import type { Descriptor } from "../files/descriptor.ts";
import { sendDescriptors } from "../sockets/descriptor_passing.ts";
import { OsError } from "../libc/errno.ts";
import {
  environmentVariable,
  monotonicMicroseconds,
  processId,
} from "../processes/process.ts";
import { waitReadySync } from "../files/readiness.ts";
import { send, tryConnect, unixDatagramSocket } from "../sockets/socket.ts";
import type { UnixAddress } from "../sockets/socket_address.ts";
import { socketPair } from "../sockets/socket_pair.ts";

/** How long a message waits for a busy service manager, in ms. */
const PATIENCE = 5_000;

/** How long to wait for a barrier, in ms. Clients wait meanwhile. */
const BARRIER_PATIENCE = 1_000;

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
   * Waits until the service manager has processed all notifications: it then
   * closes the descriptor of BARRIER=1 (sd_notify_barrier(3)).
   */
  settle(): void {
    using ends = new DisposableStack();
    try {
      const [ours, theirs] = socketPair();
      ends.use(ours);
      ends.use(theirs);
      this.#tell(["BARRIER=1"], [theirs.fd]);
      theirs.close();
      if (!waitReadySync(ours.fd, "read", BARRIER_PATIENCE)) {
        this.#failed(`BARRIER=1: no response within ${BARRIER_PATIENCE} ms`);
      }
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      this.#failed(`BARRIER=1: ${error.message}`);
    }
  }

  #tell(assignments: readonly string[], descriptors: number[] = []): void {
    const message = encoder.encode(assignments.join("\n"));
    try {
      while (this.#send(message, descriptors) === -1) {
        if (!waitReadySync(this.#socket.fd, "write", PATIENCE)) {
          throw new Error(
            `the service manager did not read for ${PATIENCE} ms`,
          );
        }
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failed(`${assignments[0]}: ${reason}`);
    }
  }

  #send(message: Uint8Array<ArrayBuffer>, descriptors: number[]): number {
    return descriptors.length === 0
      ? send(this.#socket.fd, message)
      : sendDescriptors(this.#socket.fd, message, descriptors);
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
