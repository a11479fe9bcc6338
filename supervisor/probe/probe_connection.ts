import type { Descriptor } from "../../ffi/files/descriptor.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { acceptedInode, isReported } from "../../ffi/sockets/accepted_end.ts";
import {
  getOption,
  receive,
  send,
  streamSocket,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import {
  formatSocketAddress,
  type SocketAddress,
} from "../../ffi/sockets/socket_address.ts";

/** How much of an answer is read to find its status, in bytes. */
const MOST = 16 * 1024;

/** The status line of an answer, after those that are not final (1xx). */
const STATUS = /(?:^|\r\n\r\n)HTTP\/1\.[01] ([2-5]\d\d)/;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A connection to the program's socket. Nothing is sent until it is accepted. */
export class ProbeConnection implements Disposable {
  readonly #socket: Descriptor;
  readonly #address: SocketAddress;
  /** How often it was seen as accepted by another process. */
  othersSightings = 0;

  /** @throws {OsError} ECONNREFUSED, EACCES, EAGAIN and the like. */
  constructor(address: SocketAddress) {
    this.#address = address;
    this.#socket = streamSocket(address, { nonblocking: true });
    const errno = tryConnect(this.#socket.fd, address);
    if (errno === 0 || errno === Errno.EINPROGRESS) return;
    this.#socket.close();
    throw this.#connectError(errno);
  }

  #connectError(errno: number): OsError {
    return new OsError("connect", errno, formatSocketAddress(this.#address));
  }

  /**
   * The inode of the accepted end, `"0"` before that, `undefined` if it is gone or
   * the kernel does not report it.
   *
   * @throws {OsError} if the connection has failed.
   */
  get acceptedInode(): string | undefined {
    return this.#whileConnecting(() => acceptedInode(this.#socket.fd), "0");
  }

  /** Whether the kernel reports its ends; `undefined` before it is connected. */
  get isReported(): boolean | undefined {
    return this.#whileConnecting(() => isReported(this.#socket.fd), undefined);
  }

  #whileConnecting<T>(action: () => T, otherwise: T): T {
    const { fd } = this.#socket;
    const errno = getOption(fd, abi.SOL_SOCKET, abi.SO_ERROR);
    if (errno !== 0) throw this.#connectError(errno);
    try {
      return action();
    } catch (error) {
      if (!(error instanceof OsError) || error.errno !== Errno.ENOTCONN) {
        throw error;
      }
      return otherwise;
    }
  }

  /**
   * The status of the answer to a GET request; `undefined` if it is not HTTP/1.
   *
   * @throws {OsError} ECONNRESET, EPIPE.
   */
  async get(
    path: string,
    timeout: number,
    signal: AbortSignal,
  ): Promise<number | "no answer" | undefined> {
    const { fd } = this.#socket;
    const host = this.#address.family === "unix"
      ? "localhost"
      : formatSocketAddress(this.#address);
    const request =
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: multibinder\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
    send(fd, encoder.encode(request));
    const bytes = new Uint8Array(MOST);
    const end = performance.now() + timeout;
    for (let length = 0; length < MOST;) {
      const left = Math.max(end - performance.now(), 0);
      if (!await waitReady(fd, "read", left, signal)) return "no answer";
      const count = receive(fd, bytes.subarray(length));
      if (count === 0) return undefined;
      if (count > 0) length += count;
      const status = STATUS.exec(decoder.decode(bytes.subarray(0, length)));
      if (status !== null) return Number(status[1]);
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
