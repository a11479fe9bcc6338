import type { Descriptor } from "../ffi/descriptor.ts";
import { sendDescriptors } from "../ffi/descriptor_passing.ts";
import { Errno, OsError } from "../ffi/errno.ts";
import { type Peer, peerOf, receive, send } from "../ffi/socket.ts";
import { encodeMessage, ErrorCode, Framing, MAX_REQUEST } from "../protocol.ts";
import { errorReply, type Reply } from "./dispatch.ts";
import { isOutOfDescriptors, RequestError } from "./request_error.ts";

/** Answers kept for a client that does not read; one more and it is dropped. */
export const MAX_QUEUED_ANSWERS = 1024;

/** Bytes of an answer, or what is left of them, and what goes with the first. */
export interface Outgoing {
  bytes: Uint8Array<ArrayBuffer>;
  /** Not ours: the table of binds owns them. */
  descriptors: readonly number[];
  /** What to say instead when the descriptors cannot go. */
  readonly refusal: () => Reply;
}

const received = new Uint8Array(64 * 1024);

/** One client: what came from it and what has to go back. */
export class Connection {
  readonly #descriptor: Descriptor;
  readonly #queue: Outgoing[] = [];
  #peer: Peer | undefined;
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
   * Sends a reply, or queues what does not go now.
   *
   * @returns false when the queue is full.
   * @throws {OsError} when the client is gone.
   */
  reply(reply: Reply): boolean {
    this.#queue.push(outgoing(reply));
    if (this.#queue.length === 1) this.flush();
    return this.#queue.length <= MAX_QUEUED_ANSWERS;
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
      if (sent === first.bytes.length) {
        this.#queue.shift();
      } else {
        first.bytes = first.bytes.subarray(sent);
        first.descriptors = [];
      }
    }
  }

  #send(first: Outgoing): number {
    if (first.descriptors.length === 0) return send(this.fd, first.bytes);
    try {
      return sendDescriptors(this.fd, first.bytes, first.descriptors);
    } catch (error) {
      if (!isOutOfDescriptors(error)) throw error;
      // ETOOMANYREFS: clients that do not read hold this user's whole
      // allowance of descriptors in flight (unix(7)).
      this.#queue[0] = outgoing(first.refusal());
      return this.#send(this.#queue[0]);
    }
  }

  /** Closes the socket. */
  close(): void {
    this.#descriptor.close();
  }
}

/** The bytes of a reply, ready to go. */
function outgoing(reply: Reply): Outgoing {
  return {
    bytes: encodeMessage(reply.message),
    descriptors: reply.descriptors,
    refusal: () => refusalOf(reply),
  };
}

function refusalOf({ message }: Reply): Reply {
  const error = new RequestError(
    ErrorCode.NO_DESCRIPTORS,
    "No descriptors left: too many are on their way to clients",
  );
  if (!Array.isArray(message)) return errorReply(message.id ?? null, error);
  const answers = message.map(({ id }) => errorReply(id ?? null, error));
  return {
    message: answers.flatMap(({ message }) => message),
    descriptors: [],
  };
}

/** Whether an error says no more than that the client went away. */
export function isClientGone(error: unknown): boolean {
  return error instanceof OsError &&
    (error.errno === Errno.EPIPE || error.errno === Errno.ECONNRESET ||
      error.errno === Errno.ENOTCONN);
}
