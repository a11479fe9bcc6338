/**
 * What `run` tells the service manager that started it (sd_notify(3)).
 *
 * @module
 */
import type { Descriptor } from "../../ffi/descriptor.ts";
import { OsError } from "../../ffi/errno.ts";
import {
  environmentVariable,
  monotonicMicroseconds,
} from "../../ffi/process.ts";
import { send, tryConnect, unixDatagramSocket } from "../../ffi/socket.ts";
import type { Report } from "./report.ts";

const encoder = new TextEncoder();

/**
 * The service manager, if there is one. Its main process is this one, from
 * the first program to the last: MAINPID is never sent.
 */
export class ServiceManager implements Disposable {
  readonly #socket: Descriptor | undefined;
  readonly #report: Report;

  /** The one that NOTIFY_SOCKET names. */
  constructor(report: Report) {
    this.#report = report;
    const path = environmentVariable("NOTIFY_SOCKET");
    if (path === undefined || path === "") return;
    const socket = unixDatagramSocket();
    const errno = tryConnect(socket.fd, { family: "unix", path });
    if (errno === 0) {
      this.#socket = socket;
    } else {
      socket.close();
      this.#failed(new OsError("connect", errno, path));
    }
  }

  #failed(reason: Error): void {
    this.#report(`the service manager is not told: ${reason.message}`);
  }

  /** The service is up, or a reload has ended. */
  ready(status: string): void {
    this.#tell("READY=1", `STATUS=${status}`);
  }

  /** A reload begins; {@linkcode ServiceManager.ready} ends it. */
  reloading(): void {
    this.#tell("RELOADING=1", `MONOTONIC_USEC=${monotonicMicroseconds()}`);
  }

  /** What `systemctl status` shows. */
  status(text: string): void {
    this.#tell(`STATUS=${text}`);
  }

  /** The service ends. */
  stopping(): void {
    this.#tell("STOPPING=1", "STATUS=Stopping");
  }

  /** A manager that does not listen is no reason to stop serving. */
  #tell(...assignments: string[]): void {
    if (this.#socket === undefined) return;
    try {
      const sent = send(
        this.#socket.fd,
        encoder.encode(assignments.join("\n")),
      );
      if (sent === -1) this.#failed(new Error("its queue is full"));
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      this.#failed(error);
    }
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#socket?.close();
  }
}
