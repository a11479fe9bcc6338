import type { Descriptor } from "../../ffi/files/descriptor.ts";
import { sendDescriptors } from "../../ffi/sockets/descriptor_passing.ts";
import { Errno, OsError } from "../../ffi/libc/errno.ts";
import { supplementaryGroups } from "../../ffi/sockets/peer_groups.ts";
import { type Peer, peerOf, receive, send } from "../../ffi/sockets/socket.ts";
import {
  type Answer,
  decodeMessage,
  encodeMessage,
  ErrorCode,
  Framing,
  MAX_REQUEST,
  type RequestId,
} from "../../protocol.ts";
import type { Client } from "../policy/authorization.ts";
import { isOutOfDescriptors, RequestError } from "../requests/request_error.ts";
import { errorAnswer, type Reply } from "../requests/answers.ts";
import type { SharedDescriptor } from "../sockets/shared_descriptor.ts";

/**
 * A client that does not read its answers is dropped when more than these are
 * queued. Bytes are counted too, because an answer repeats the request's id.
 */
const MAX_QUEUED_ANSWERS = 1024;
const MAX_QUEUED_BYTES = 1024 * 1024;

/** An answer, or the part of it that has not been sent. */
export interface Outgoing {
  bytes: Uint8Array<ArrayBuffer>;
  /** Sent with the first byte, then released. */
  sockets: readonly SharedDescriptor[];
}

const received = new Uint8Array(64 * 1024);

/** The connection of one client: its requests and the answers to them. */
export class Connection implements Client {
  readonly #descriptor: Descriptor;
  readonly #queue: Outgoing[] = [];
  #peer: Peer | undefined;
  #groups: readonly number[] | undefined;
  /** Cuts the received bytes into messages. */
  readonly framing: Framing = new Framing(MAX_REQUEST);
  /** The message whose names are being looked up. */
  unanswered: Uint8Array<ArrayBuffer> | undefined;
  /** The events it is watched for; undefined while it is not watched. */
  interest: number | undefined;
  /** No request follows: the client shut down its side or sent garbage. */
  ended = false;

  /** Takes over an accepted, non-blocking socket. */
  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
  }

  /** Receives nothing more: the bytes cannot be cut into messages. */
  endInput(): void {
    this.ended = true;
    this.framing.discard();
  }

  /** The socket's number. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Whether the socket was closed. */
  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /** Whether an answer waits until the client reads. */
  get writing(): boolean {
    return this.#queue.length > 0;
  }

  /** Whether every request is answered and none can follow. */
  get finished(): boolean {
    return this.ended && !this.writing && this.unanswered === undefined;
  }

  /** The answers that have not been sent, first to last. */
  get queued(): readonly Outgoing[] {
    return this.#queue;
  }

  /** Puts back what an earlier generation had not sent. */
  restore(queued: Iterable<Outgoing>): void {
    this.#queue.push(...queued);
  }

  /** The client's process. */
  get peer(): Peer {
    return this.#peer ??= peerOf(this.fd);
  }

  /** The supplementary groups of the client's process. */
  get groups(): readonly number[] {
    return this.#groups ??= supplementaryGroups(this.fd);
  }

  /**
   * Receives at most 64 KiB, so that one client cannot keep the loop busy.
   *
   * @throws {OsError} when the client is gone.
   */
  receive(): void {
    const length = receive(this.fd, received);
    if (length === 0) this.ended = true;
    else if (length > 0) this.framing.append(received.subarray(0, length));
  }

  /**
   * Sends a reply, behind those that are queued; what the client does not take
   * is queued.
   *
   * @returns false when the queue was full before.
   * @throws {OsError} when the client is gone.
   */
  send({ bytes, sockets }: Reply): boolean {
    const isFull = this.#queue.length >= MAX_QUEUED_ANSWERS ||
      this.#queuedBytes() > MAX_QUEUED_BYTES;
    this.#queue.push({ bytes, sockets });
    this.flush();
    return !isFull;
  }

  #queuedBytes(): number {
    return this.#queue.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /**
   * Sends as much of the queue as the client takes.
   *
   * @throws {OsError} when the client is gone.
   */
  flush(): void {
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!;
      const sent = this.#send(first);
      if (sent === -1) return;
      release(first);
      if (sent === first.bytes.length) this.#queue.shift();
      else first.bytes = first.bytes.subarray(sent);
    }
  }

  #send(first: Outgoing): number {
    if (first.sockets.length === 0) return send(this.fd, first.bytes);
    const descriptors = first.sockets.map(({ fd }) => fd);
    try {
      return sendDescriptors(this.fd, first.bytes, descriptors);
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error;
      // ETOOMANYREFS: clients that do not read hold this user's whole
      // allowance of descriptors in flight (unix(7)).
      release(first);
      first.bytes = refusalOf(first);
      return send(this.fd, first.bytes);
    }
  }

  /** Closes the socket and releases what has not been sent. */
  close(): void {
    this.#queue.forEach(release);
    this.#descriptor.close();
  }
}

function release(outgoing: Outgoing): void {
  for (const socket of outgoing.sockets) socket.release();
  outgoing.sockets = [];
}

/** The id of the request that it answers, or the ids of a batch. */
export function idsOf(
  { bytes }: Pick<Outgoing, "bytes">,
): RequestId | RequestId[] {
  // Descriptors go with the first byte, so these bytes are a whole message.
  const message = decodeMessage(bytes) as Answer | Answer[];
  return Array.isArray(message)
    ? message.map(({ id }) => id ?? null)
    : message.id ?? null;
}

/** The answer in place of one whose descriptors cannot be sent. */
function refusalOf(outgoing: Outgoing): Uint8Array<ArrayBuffer> {
  const error = new RequestError(
    ErrorCode.NO_DESCRIPTORS,
    "No descriptors left: too many are on their way to clients",
  );
  const answerOf = (id: RequestId) => errorAnswer(id, error);
  const ids = idsOf(outgoing);
  return encodeMessage(Array.isArray(ids) ? ids.map(answerOf) : answerOf(ids));
}

/** Whether an error only says that the client has disconnected. */
export function isClientGone(error: unknown): boolean {
  return error instanceof OsError &&
    (error.errno === Errno.EPIPE || error.errno === Errno.ECONNRESET ||
      error.errno === Errno.ENOTCONN);
}
