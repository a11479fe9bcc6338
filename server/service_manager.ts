/**
 * The service manager's side channel: readiness and reloads as sd_notify(3)
 * tells them, and its descriptor store, which outlives a crash of the daemon.
 *
 * @module
 */
import { type HostAddress, hostAddress } from "../address.ts";
import type { Descriptor } from "../ffi/descriptor.ts";
import { sendDescriptors } from "../ffi/descriptor_passing.ts";
import { OsError } from "../ffi/errno.ts";
import type { FileIdentity } from "../ffi/file.ts";
import { environmentVariable, monotonicMicroseconds } from "../ffi/process.ts";
import { waitReadySync } from "../ffi/readiness.ts";
import { send, tryConnect, unixDatagramSocket } from "../ffi/socket.ts";
import type { UnixAddress } from "../ffi/socket_address.ts";
import type { Log } from "./log.ts";

/** How long a message may wait for a manager that is busy, in ms. */
const PATIENCE = 5_000;

const encoder = new TextEncoder();

/**
 * The name of a bind in the descriptor store: its identity without a colon,
 * which systemd allows in no name (`tcp;__1;80` is `[::1]:80`).
 */
export function storeName(address: HostAddress): string {
  const { kind, host, port, v6only } = address;
  const both = host.includes(":") && !v6only ? ";ipv4" : "";
  return `multibinder;${kind};${host.replaceAll(":", "_")};${port}${both}`;
}

/** The bind that a name in the descriptor store stands for, if it is ours. */
export function addressOfStoreName(name: string): HostAddress | undefined {
  const parts = /^multibinder;tcp;([0-9a-f._]+);(\d{1,5})(;ipv4)?$/.exec(name);
  if (parts === null) return undefined;
  const [, host = "", port, both] = parts;
  return {
    ...hostAddress("tcp", host.replaceAll("_", ":"), Number(port)),
    v6only: both === undefined,
  };
}

/**
 * The name of the control socket in the descriptor store. It carries the file
 * at the path, so that a path that leads elsewhere by now is noticed.
 */
export function controlStoreName({ device, inode }: FileIdentity): string {
  return `multibinder;control;${device.replace(":", "_")};${inode}`;
}

/** The file that such a name carries, if it is one. */
export function controlFileOfStoreName(name: string): FileIdentity | undefined {
  const parts = /^multibinder;control;(\d+)_(\d+);(\d+)$/.exec(name);
  if (parts === null) return undefined;
  return { device: `${parts[1]}:${parts[2]}`, inode: parts[3]! };
}

/** The service manager that started this process. */
export class ServiceManager implements Disposable {
  readonly #socket: Descriptor;
  readonly #log: Log;

  private constructor(socket: Descriptor, log: Log) {
    this.#socket = socket;
    this.#log = log;
  }

  /** The one that NOTIFY_SOCKET names, if there is one. */
  static fromEnvironment(log: Log): ServiceManager | undefined {
    const path = environmentVariable("NOTIFY_SOCKET");
    if (path === undefined || path === "") return undefined;
    const address: UnixAddress = { family: "unix", path };
    const socket = unixDatagramSocket();
    const errno = tryConnect(socket.fd, address);
    if (errno === 0) return new ServiceManager(socket, log);
    socket.close();
    const { message } = new OsError("connect", errno, path);
    log.warn("the service manager cannot be told anything", {
      reason: message,
    });
    return undefined;
  }

  /** The daemon serves; `status` is what `systemctl status` shows. */
  ready(status: string): void {
    this.#tell(["READY=1", `STATUS=${status}`]);
  }

  /** What `systemctl status` shows. */
  status(status: string): void {
    this.#tell([`STATUS=${status}`]);
  }

  /** A re-exec begins; {@linkcode ServiceManager.ready} ends it. */
  reloading(): void {
    this.#tell([
      "RELOADING=1",
      `MONOTONIC_USEC=${monotonicMicroseconds()}`,
      "STATUS=Re-executing",
    ]);
  }

  /** The daemon ends. */
  stopping(): void {
    this.#tell(["STOPPING=1", "STATUS=Stopping"]);
  }

  /** Keeps a copy of a socket for the next start, whatever ends this one. */
  store(name: string, fd: number): void {
    // Without FDPOLL=0 (sd_notify(3)) the manager drops a socket that a holder
    // has shut down for a moment.
    this.#tell(["FDSTORE=1", "FDPOLL=0", `FDNAME=${name}`], [fd]);
  }

  /** Drops every copy of that name. */
  forget(name: string): void {
    this.#tell(["FDSTOREREMOVE=1", `FDNAME=${name}`]);
  }

  /** A manager that does not listen is no reason to stop serving. */
  #tell(assignments: readonly string[], descriptors: number[] = []): void {
    const message = encoder.encode(assignments.join("\n"));
    try {
      while (this.#send(message, descriptors) === -1) {
        if (!waitReadySync(this.#socket.fd, "write", PATIENCE)) {
          throw new Error(`it took in nothing for ${PATIENCE} ms`);
        }
      }
    } catch (error) {
      this.#log.warn("the service manager was not told", {
        message: assignments[0],
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }

  #send(message: Uint8Array<ArrayBuffer>, descriptors: number[]): number {
    return descriptors.length === 0
      ? send(this.#socket.fd, message)
      : sendDescriptors(this.#socket.fd, message, descriptors);
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
