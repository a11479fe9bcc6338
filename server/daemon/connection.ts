import type { Descriptor } from "../../ffi/files/descriptor.ts";
import {
  hasUnread,
  sendDescriptors,
} from "../../ffi/sockets/descriptor_passing.ts";
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
} from "../../protocol.ts";
import type { Client } from "../policy/authorization.ts";
import { isOutOfDescriptors, RequestError } from "../requests/request_error.ts";
import { errorAnswer, type Reply } from "../requests/answers.ts";
import type { SharedDescriptor } from "../sockets/shared_descriptor.ts";
import type { DescriptorsInFlight } from "./descriptors_in_flight.ts";

/**
 * A client is dropped when its queue exceeds one of these limits. Bytes count
 * too, because an answer repeats the id of its request.
 */
const MAX_QUEUED_ANSWERS = 1024;
const MAX_QUEUED_BYTES = 1024 * 1024;

/** The part of an answer that is not sent yet. */
export interface Outgoing {
  bytes: Uint8Array<ArrayBuffer>;
  /** Sent with the first byte, then released. */
  sockets: readonly SharedDescriptor[];
}

/** What a client waits for before its next answer is sent or its next request is performed. */
export type Obstacle =
  /** It has to receive the descriptors of an earlier answer. */
  | "receipt"
  /** Clients have to receive descriptors of earlier batches. */
  | "room"
  /** The work is left for a later part of the event loop. */
  | "turn"
  /** The service manager has to close a released socket. */
  | "manager";

const received = new Uint8Array(64 * 1024);

/** The connection of one client: received bytes and queued answers. */
export class Connection implements Client {
  readonly #descriptor: Descriptor;
  readonly #queue: Outgoing[] = [];
  #queuedBytes = 0;
  #peer: Peer | undefined;
  #groups: readonly number[] | undefined;
  /** Cuts the received bytes into messages. */
  readonly framing: Framing = new Framing(MAX_REQUEST);
  /** The message of which names are being looked up. */
  unanswered: Uint8Array<ArrayBuffer> | undefined;
  /** The epoll(7) events it is watched for; undefined while not watched. */
  interest: number | undefined;
  /** No request follows: the client shut down its side or sent invalid bytes. */
  ended = false;
  /** Why received requests are not performed yet. */
  waitsFor: Obstacle | undefined;
  /** When it last sent a request, or connected: performance.now(). */
  activeAt = 0;
  #discards = false;
  #inFlight = 0;
  #heldBy: Obstacle | undefined;

  /** Takes ownership of an accepted, non-blocking socket. */
  constructor(descriptor: Descriptor, peer?: Peer) {
    this.#descriptor = descriptor;
    this.#peer = peer;
  }

  /**
   * No request follows: the bytes cannot be cut into messages. What follows is
   * received and discarded, because a client can send all before it reads.
   */
  endInput(): void {
    this.#discards = !this.ended;
    this.ended = true;
    this.framing.discard();
  }

  /** Whether received bytes are discarded. */
  get discards(): boolean {
    return this.#discards;
  }

  /** The number of the descriptor. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Whether the descriptor is closed. */
  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /** Whether answers are queued. */
  get writing(): boolean {
    return this.#queue.length > 0;
  }

  /** Why the queued answers are not sent yet, unless the client's buffer is full. */
  get heldBy(): Obstacle | undefined {
    return this.#heldBy;
  }

  /** Whether so many answers are queued that the client is disconnected. */
  get isFull(): boolean {
    return this.#queue.length >= MAX_QUEUED_ANSWERS ||
      this.queuedBytes > MAX_QUEUED_BYTES;
  }

  /** The size of the queued answers. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether every request is answered and no request can follow. */
  get finished(): boolean {
    return this.ended && !this.isBusy;
  }

  /** Whether it has received every answer and has sent no part of a request. */
  get isIdle(): boolean {
    return !this.ended && !this.isBusy && this.framing.isEmpty &&
      this.inFlight() === 0;
  }

  private get isBusy(): boolean {
    return this.writing || this.unanswered !== undefined ||
      this.waitsFor !== undefined;
  }

  /**
   * The number of descriptors that were sent and that the client has not
   * received yet.
   */
  inFlight(): number {
    if (this.#inFlight > 0 && !hasUnread(this.fd)) this.#inFlight = 0;
    return this.#inFlight;
  }

  /** The queued answers, oldest first. */
  get queued(): readonly Outgoing[] {
    return this.#queue;
  }

  /**
   * Restores what the previous generation left: answers that it did not send, and
   * the number of descriptors that the client had not received.
   */
  restore(queued: Iterable<Outgoing>, inFlight: number): void {
    for (const answer of queued) this.#enqueue(answer);
    this.#inFlight = inFlight;
  }

  /** Credentials of the client's process. */
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
   * @returns whether something was received.
   * @throws {OsError} if the client has disconnected.
   */
  receive(): boolean {
    const length = receive(this.fd, received);
    if (length === 0) {
      this.ended = true;
      this.#discards = false;
    } else if (length > 0 && !this.#discards) {
      this.framing.append(received.subarray(0, length));
    }
    return length > 0;
  }

  /**
   * Queues a reply and sends as much as the client accepts.
   *
   * @returns false if the queue was full before.
   * @throws {OsError} if the client has disconnected.
   */
  send({ bytes, sockets }: Reply, limit?: DescriptorsInFlight): boolean {
    const { isFull } = this;
    this.#enqueue({ bytes, sockets });
    this.flush(limit);
    return !isFull;
  }

  #enqueue(answer: Outgoing): void {
    this.#queue.push(answer);
    this.#queuedBytes += answer.bytes.length;
  }

  /**
   * Sends as much of the queue as the client accepts, and as the limit of
   * descriptors in flight allows.
   *
   * @throws {OsError} if the client has disconnected.
   */
  flush(limit?: DescriptorsInFlight): void {
    this.#heldBy = undefined;
    while (this.#queue.length > 0) {
      const first = this.#queue[0]!;
      this.#heldBy = this.#obstacleFor(first.sockets.length, limit);
      if (this.#heldBy !== undefined) return;
      const sent = this.#send(first);
      if (sent === -1) return;
      if (first.sockets.length > 0) {
        this.#inFlight = first.sockets.length;
        limit?.add(this, this.#inFlight);
      }
      release(first);
      this.#queuedBytes -= sent;
      if (sent === first.bytes.length) this.#queue.shift();
      else first.bytes = first.bytes.subarray(sent);
    }
  }

  #obstacleFor(
    sockets: number,
    limit: DescriptorsInFlight | undefined,
  ): Obstacle | undefined {
    if (sockets === 0) return undefined;
    if (this.inFlight() > 0) return "receipt";
    return limit?.admits(this, sockets) === false ? "room" : undefined;
  }

  #send(first: Outgoing): number {
    if (first.sockets.length === 0) return send(this.fd, first.bytes);
    const descriptors = first.sockets.map(({ fd }) => fd);
    try {
      return sendDescriptors(this.fd, first.bytes, descriptors);
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error;
      // ETOOMANYREFS: other programs of the daemon's user use up the limit of
      // descriptors in flight (unix(7)).
      release(first);
      const refusal = refusalOf(first);
      this.#queuedBytes += refusal.length - first.bytes.length;
      first.bytes = refusal;
      return send(this.fd, first.bytes);
    }
  }

  /** Closes the socket and releases the queued descriptors. */
  close(): void {
    this.#queue.forEach(release);
    this.#descriptor.close();
  }
}

function release(outgoing: Outgoing): void {
  for (const socket of outgoing.sockets) socket.release();
  outgoing.sockets = [];
}

/** The error that replaces an answer if its descriptors cannot be sent. */
function refusalOf({ bytes }: Outgoing): Uint8Array<ArrayBuffer> {
  const error = new RequestError(
    ErrorCode.NO_DESCRIPTORS,
    "No descriptors left: too many are in flight to clients",
  );
  const refuse = ({ id }: Answer) => errorAnswer(id ?? null, error);
  // Descriptors are sent with the first byte, so no byte is sent yet.
  const message = decodeMessage(bytes) as Answer | Answer[];
  return encodeMessage(
    Array.isArray(message) ? message.map(refuse) : refuse(message),
  );
}

/** Whether an error means that the client has disconnected. */
export function isClientGone(error: unknown): boolean {
  return error instanceof OsError &&
    (error.errno === Errno.EPIPE || error.errno === Errno.ECONNRESET ||
      error.errno === Errno.ENOTCONN);
}
