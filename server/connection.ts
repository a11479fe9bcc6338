import type { Descriptor } from "../ffi/descriptor.ts";
import { sendDescriptors } from "../ffi/descriptor_passing.ts";
import { Errno, OsError } from "../ffi/errno.ts";
import { supplementaryGroups } from "../ffi/peer_groups.ts";
import { type Peer, peerOf, receive, send } from "../ffi/socket.ts";
import {
  type Answer,
  decodeMessage,
  encodeMessage,
  ErrorCode,
  Framing,
  MAX_REQUEST,
  type RequestId,
} from "../protocol.ts";
import type { Client } from "./authorization.ts";
import { errorAnswer, type Reply } from "./dispatch.ts";
import { isOutOfDescriptors, RequestError } from "./request_error.ts";
import type { SharedDescriptor } from "./shared_descriptor.ts";

/**
 * What is kept for a client that does not read; more, and it is dropped: so
 * many answers, and so many bytes, because an answer repeats the request's id.
 */
const MAX_QUEUED_ANSWERS = 1024;
const MAX_QUEUED_BYTES = 1024 * 1024;

/** After so many answers some are sent before the end of the turn. */
const TURN = 16;

/** Bytes of an answer, or what is left of them, and what goes with the first. */
export interface Outgoing {
  bytes: Uint8Array<ArrayBuffer>;
  /** Let go as soon as they have gone. */
  sockets: readonly SharedDescriptor[];
}

const received = new Uint8Array(64 * 1024);

/** One client: what came from it and what has to go back. */
export class Connection implements Client {
  readonly #descriptor: Descriptor;
  readonly #queue: Outgoing[] = [];
  #peer: Peer | undefined;
  #groups: readonly number[] | undefined;
  /** Cuts what came into requests. */
  readonly framing: Framing = new Framing(MAX_REQUEST);
  /** The request that is being answered, where that takes time. */
  inHand: Uint8Array<ArrayBuffer> | undefined;
  /** What the poller watches it for; not in its set when undefined. */
  interest: number | undefined;
  /** No request follows: the client shut its side or sent what is none. */
  ended = false;

  /** Takes over an accepted, non-blocking socket. */
  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
  }

  /** What came last cannot be cut into requests: nothing more is taken in. */
  endInput(): void {
    this.ended = true;
    this.framing.discard();
  }

  /** The socket's number. */
  get fd(): number {
    return this.#descriptor.fd;
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#descriptor.closed;
  }

  /** Whether an answer waits for the client to read. */
  get writing(): boolean {
    return this.#queue.length > 0;
  }

  /** Whether nothing is left to do but to close it. */
  get finished(): boolean {
    return this.ended && !this.writing && this.inHand === undefined;
  }

  /** What has not gone yet, first to last. */
  get queued(): readonly Outgoing[] {
    return this.#queue;
  }

  /** Puts back what an earlier generation had not sent yet. */
  restore(queued: Iterable<Outgoing>): void {
    this.#queue.push(...queued);
  }

  /** Who connected. */
  get peer(): Peer {
    return this.#peer ??= peerOf(this.fd);
  }

  /** The groups of who connected, beside the peer's own. */
  get groups(): readonly number[] {
    return this.#groups ??= supplementaryGroups(this.fd);
  }

  /**
   * Takes in what has come, at most 64 KiB, so that a flood from one client
   * leaves the others their turn.
   *
   * @throws {OsError} when the client is gone.
   */
  receive(): void {
    const length = receive(this.fd, received);
    if (length === 0) this.ended = true;
    else if (length > 0) this.framing.append(received.subarray(0, length));
  }

  /**
   * Queues a reply for {@linkcode Connection.flush}, which it calls by itself
   * for every sixteenth.
   *
   * @returns false when the queue is full.
   * @throws {OsError} when the client is gone.
   */
  reply(reply: Reply): boolean {
    const full = this.#queue.length >= MAX_QUEUED_ANSWERS ||
      this.#queuedBytes() > MAX_QUEUED_BYTES;
    this.#queue.push({ bytes: reply.bytes, sockets: reply.sockets });
    if (this.#queue.length % TURN === 0) this.flush();
    return !full;
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
      letGo(first);
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
      letGo(first);
      first.bytes = refusalOf(first);
      return send(this.fd, first.bytes);
    }
  }

  /** Closes the socket and lets go of what has not been sent. */
  close(): void {
    this.#queue.forEach(letGo);
    this.#descriptor.close();
  }
}

/** The descriptors have gone, or will not go. */
function letGo(outgoing: Pick<Outgoing, "sockets">): void {
  for (const socket of outgoing.sockets) socket.release();
  outgoing.sockets = [];
}

/** Of the requests that it answers: several where that was a batch. */
export function idsOf(
  { bytes }: Pick<Outgoing, "bytes">,
): RequestId | RequestId[] {
  // Bytes that carry descriptors are whole: they go with the first of them.
  const message = decodeMessage(bytes) as Answer | Answer[];
  return Array.isArray(message)
    ? message.map(({ id }) => id ?? null)
    : message.id ?? null;
}

/** What to say when the descriptors cannot go. */
function refusalOf(outgoing: Outgoing): Uint8Array<ArrayBuffer> {
  const error = new RequestError(
    ErrorCode.NO_DESCRIPTORS,
    "No descriptors left: too many are on their way to clients",
  );
  const answerOf = (id: RequestId) => errorAnswer(id, error);
  const ids = idsOf(outgoing);
  return encodeMessage(Array.isArray(ids) ? ids.map(answerOf) : answerOf(ids));
}

/** Whether an error says no more than that the client went away. */
export function isClientGone(error: unknown): boolean {
  return error instanceof OsError &&
    (error.errno === Errno.EPIPE || error.errno === Errno.ECONNRESET ||
      error.errno === Errno.ENOTCONN);
}
