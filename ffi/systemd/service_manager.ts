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

/** The service manager that started this process. */
export class ServiceManager implements Disposable {
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
