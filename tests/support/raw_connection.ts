/**
 * A client that sends arbitrary bytes on the control socket, and receives every
 * byte and descriptor.
 *
 * @module
 */
import { Descriptor } from "../../ffi/files/descriptor.ts";
import {
  type Received,
  receiveDescriptors,
  sendDescriptors,
} from "../../ffi/sockets/descriptor_passing.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { send, streamSocket, tryConnect } from "../../ffi/sockets/socket.ts";
import type { UnixAddress } from "../../ffi/sockets/socket_address.ts";
import type { Answer } from "../../protocol.ts";
import { PATIENCE } from "./eventually.ts";

const SHUT_WR = 1;
const NEWLINE = 0x0a;

const ENDED: Received = {
  bytes: new Uint8Array(0),
  descriptors: [],
  truncated: false,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The text of a request, without a newline. */
export function requestText(
  id: unknown,
  method: string,
  params?: unknown,
): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

/** A received line and its descriptors. */
export interface ReceivedLine {
  /** With its newline, if it had one. */
  text: string;
  /**
   * Closed by {@linkcode RawConnection.closeReceived}, when the next line is
   * asked for, or with the connection.
   */
  descriptors: number[];
}

function unlessGone<T>(call: () => T, gone: T): T {
  try {
    return call();
  } catch (error) {
    const isGone = error instanceof OsError &&
      (error.errno === Errno.EPIPE || error.errno === Errno.ECONNRESET);
    if (!isGone) throw error;
    return gone;
  }
}

function closeAll(descriptors: readonly number[] = []): void {
  for (const fd of descriptors) new Descriptor(fd).close();
}

/**
 * A connection to the control socket. `using` closes it and the received
 * descriptors.
 */
export class RawConnection implements Disposable {
  readonly #socket: Descriptor;
  readonly #lines: ReceivedLine[] = [];
  #handedOut: ReceivedLine | undefined;
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #restDescriptors: number[] = [];
  #ended = false;

  private constructor(socket: Descriptor) {
    this.#socket = socket;
  }

  /** Connects. */
  static open(sock: string): RawConnection {
    const address: UnixAddress = { family: "unix", path: sock };
    const socket = streamSocket(address);
    const errno = tryConnect(socket.fd, address);
    if (errno === 0) return new RawConnection(socket);
    socket.close();
    throw new OsError("connect", errno, sock);
  }

  /** Its descriptor. */
  get fd(): number {
    return this.#socket.fd;
  }

  /** Sends everything; false when the daemon has disconnected. */
  async send(data: string | Uint8Array<ArrayBuffer>): Promise<boolean> {
    let rest = typeof data === "string" ? encoder.encode(data) : data;
    while (rest.length > 0) {
      const sent = unlessGone(() => send(this.fd, rest), undefined);
      if (sent === undefined) return false;
      if (sent === -1) await this.#wait("write", "room for a request");
      else rest = rest.subarray(sent);
    }
    return true;
  }

  /**
   * Sends everything with descriptors, or without them where the kernel refuses
   * them (SO_PASSRIGHTS); false when the daemon has disconnected.
   */
  async sendDescriptors(
    data: Uint8Array<ArrayBuffer>,
    descriptors: readonly number[],
  ): Promise<boolean> {
    let sent: number;
    try {
      sent = sendDescriptors(this.fd, data, descriptors);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (error.errno === Errno.EPIPE) return false;
      if (error.errno !== Errno.EPERM) throw error;
      sent = 0;
    }
    return await this.send(data.subarray(Math.max(sent, 0)));
  }

  /** Shuts down the sending direction. */
  endWriting(): void {
    libc().shutdown(this.fd, SHUT_WR);
  }

  /** The next line, or `undefined` after the daemon has disconnected. */
  async next(): Promise<ReceivedLine | undefined> {
    this.closeReceived();
    while (this.#lines.length === 0 && !this.#ended) await this.#receive();
    return this.#handedOut = this.#lines.shift();
  }

  /** Closes the descriptors of the last line. */
  closeReceived(): void {
    closeAll(this.#handedOut?.descriptors);
    this.#handedOut = undefined;
  }

  /** The next answer; throws if the daemon disconnects first. */
  async answer(): Promise<Answer> {
    const line = await this.next();
    if (line === undefined) throw new Error("closed without an answer");
    return JSON.parse(line.text);
  }

  /** As many answers as asked for. */
  async answers(count: number): Promise<Answer[]> {
    const answers: Answer[] = [];
    while (answers.length < count) answers.push(await this.answer());
    return answers;
  }

  /** Every answer until the daemon disconnects. */
  async answersToEnd(): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let line; (line = await this.next()) !== undefined;) {
      answers.push(JSON.parse(line.text));
    }
    return answers;
  }

  async #receive(): Promise<void> {
    await this.#wait("read", "an answer");
    const message = unlessGone(() => receiveDescriptors(this.fd), ENDED);
    if (message === undefined) return;
    const { bytes, descriptors, truncated } = message;
    if (truncated) throw new Error("descriptors were lost on the way");
    this.#take(bytes);
    this.#ended = bytes.length === 0;
    if (this.#ended && this.#rest.length > 0) this.#addLine(this.#rest.length);
    // A read can join earlier data with a message that has descriptors, but
    // never later data: the descriptors belong to the last byte.
    const owner = this.#rest.length > 0 ? undefined : this.#lines.at(-1);
    (owner?.descriptors ?? this.#restDescriptors).push(...descriptors);
  }

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    this.#rest = all;
    for (let end; (end = this.#rest.indexOf(NEWLINE)) !== -1;) {
      this.#addLine(end + 1);
    }
  }

  #addLine(length: number): void {
    this.#lines.push({
      text: decoder.decode(this.#rest.subarray(0, length)),
      descriptors: this.#restDescriptors,
    });
    this.#rest = this.#rest.subarray(length);
    this.#restDescriptors = [];
  }

  async #wait(readiness: "read" | "write", what: string): Promise<void> {
    if (await waitReady(this.fd, readiness, PATIENCE)) return;
    throw new Error(`not within ${PATIENCE} ms: ${what}`);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    closeAll(this.#handedOut?.descriptors);
    closeAll(this.#restDescriptors);
    for (const { descriptors } of this.#lines) closeAll(descriptors);
  }
}

/** The answer to one request on a new connection. */
export async function ask(sock: string, request: string): Promise<Answer> {
  using connection = RawConnection.open(sock);
  await connection.send(request);
  return await connection.answer();
}
