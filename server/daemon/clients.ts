import { formatDuration } from "../../duration.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { Interest } from "../../ffi/files/poller.ts";
import { ErrorCode, FramingError, MAX_REQUEST } from "../../protocol.ts";
import { reasonOf } from "../log/internal_errors.ts";
import { RequestError } from "../requests/request_error.ts";
import { errorReply, type Reply } from "../requests/answers.ts";
import {
  abandonMessage,
  answerMessage,
  failedMessage,
  isUnresolved,
  type PendingMessage,
  performMessage,
  readMessage,
  resolveMessage,
  takesLong,
} from "../requests/dispatch.ts";
import type { RequestContext } from "../requests/perform.ts";
import { type Connection, isClientGone, type Obstacle } from "./connection.ts";
import { DescriptorsInFlight } from "./descriptors_in_flight.ts";
import type { EventLoop } from "./event_loop.ts";
import { RequestTimeouts } from "./request_timeouts.ts";
import { Turns } from "./turns.ts";
import { Users } from "./users.ts";

/** Requests of one client that are performed in one turn. */
const MAX_REQUESTS = 16;

/** The longest request that is read at once, in bytes; reading takes time too. */
const MAX_SHORT = 4 * 1024;

/** The size limit of unsent answers to all clients of one user, in bytes. */
const MAX_QUEUED_OF_USER = 32 * 1024 * 1024;

/** Time until the next try to send descriptors for which there was no room, in ms. */
const ROOM_INTERVAL = 20;

/** The connected clients: receives their requests and sends answers. */
export class Clients implements Iterable<Connection> {
  readonly #users = new Users();
  readonly #inFlight = new DescriptorsInFlight();
  readonly #turns: Turns;
  readonly #timeouts: RequestTimeouts;
  readonly #loop: EventLoop;
  readonly #context: RequestContext;
  /** Performed messages whose answers wait for the service manager. */
  readonly #settling = new Map<Connection, PendingMessage>();
  /** Clients that wait for room for descriptors in flight. */
  readonly #withoutRoom = new Set<Connection>();
  #roomTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(loop: EventLoop, context: RequestContext) {
    this.#loop = loop;
    this.#context = context;
    this.#turns = new Turns(() => loop.wake());
    this.#timeouts = new RequestTimeouts(
      context.limits.requestTimeout,
      (connection) => this.#timeOut(connection),
    );
  }

  /** Number of connected clients. */
  get size(): number {
    return this.#users.size;
  }

  /** Number of connected clients of a user. */
  countOf(uid: number): number {
    return this.#users.countOf(uid);
  }

  /** Whether several users are active. */
  get isContended(): boolean {
    return this.#turns.isContended;
  }

  /** All clients. */
  [Symbol.iterator](): Iterator<Connection> {
    return this.#users.connections();
  }

  /** Starts serving a client. */
  add(connection: Connection): void {
    this.#guard(connection, () => {
      this.#users.add(connection);
      this.#inFlight.add(connection, connection.inFlight());
      this.#turns.run(connection.peer.uid, () => {
        if (connection.writing) connection.flush(this.#inFlight);
        // Most clients have sent a request before they are accepted.
        if (!connection.ended) connection.receive();
        this.#serve(connection);
      });
    });
  }

  /**
   * Disconnects an idle client to make room for a client of `uid`. Returns whether
   * there was one.
   */
  makeRoom(uid: number): boolean {
    const victim = this.#users.victimFor(uid);
    if (victim === undefined) return false;
    this.#context.counters.refused.idle++;
    this.#context.log.info("client dropped", {
      reason: "it was idle, and another client needed room",
      ...victim.peer,
    });
    this.#drop(victim);
    return true;
  }

  /**
   * Performs the requests that were left for the end of the turn. Returns the time
   * in ms after which the next turn has to begin, or -1.
   */
  endTurn(): number {
    this.#turns.end((connection) => this.#takeTurn(connection));
    for (const connection of this.#turns.parked()) {
      this.#guard(connection, () => this.#watch(connection));
    }
    return this.#turns.delay;
  }

  #handleEvents(connection: Connection, events: number): void {
    const { uid } = connection.peer;
    const { waitsFor, heldBy } = connection;
    // Events are reported again, except those of EPOLLET.
    if (waitsFor === "turn") return;
    if (waitsFor === undefined && heldBy === undefined) {
      if (this.#turns.isSpent(uid)) return;
    }
    this.#turns.run(uid, () =>
      this.#guard(connection, () => {
        // A client that disconnects without reading its answers causes EPOLLHUP,
        // not EPOLLOUT. Only a failing send(2) reveals that it is gone.
        if (connection.writing && (events & ~abi.EPOLLIN) !== 0) {
          connection.flush(this.#inFlight);
        }
        const isReadable = (events & ~abi.EPOLLOUT) !== 0;
        if (isReadable && mayReceive(connection)) receiveFrom(connection);
        this.#serve(connection);
      }));
  }

  /** Answers the received messages in their order. */
  #serve(connection: Connection): void {
    for (let count = 0; !connection.closed; count++) {
      connection.waitsFor = obstacleOf(connection, count);
      if (connection.waitsFor !== undefined) break;
      const message = this.#nextMessage(connection);
      if (message === undefined) {
        // EPOLLET reports only once that there is something to receive.
        const mayHaveMore = connection.heldBy !== undefined &&
          connection.waitsFor === undefined && !connection.ended;
        if (mayHaveMore && connection.receive()) continue;
        break;
      }
      if (isUnresolved(message)) this.#answerLater(connection, message);
      else this.#answer(connection, message);
      if (connection.unanswered !== undefined) break;
    }
    if (connection.closed) return;
    // It stays watched until the end of the turn, which may perform its work.
    if (connection.waitsFor === "turn") return this.#turns.park(connection);
    if (connection.heldBy === "room") this.#waitForRoom(connection);
    this.#watch(connection);
  }

  /** The next message, unless there is none or it takes long. */
  #nextMessage(connection: Connection): PendingMessage | undefined {
    try {
      const bytes = connection.framing.next();
      if (bytes === undefined) return undefined;
      this.#timeouts.stop(connection);
      this.#users.touch(connection);
      const message = bytes.length > MAX_SHORT
        ? undefined
        : readMessage(bytes, connection);
      const isLong = message === undefined || takesLong(message);
      if (isLong) connection.waitsFor = "turn";
      if (isLong || isUnresolved(message)) connection.unanswered = bytes;
      return isLong ? undefined : message;
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      connection.endInput();
      const { code, message } = error;
      return failedMessage(new RequestError(code, message), connection);
    }
  }

  /** Performs what was left for the end of the turn. */
  #takeTurn(connection: Connection): void {
    connection.waitsFor = undefined;
    const { unanswered } = connection;
    this.#guard(connection, () => {
      if (unanswered === undefined) return this.#serve(connection);
      const message = readMessage(unanswered, connection);
      if (isUnresolved(message)) {
        void this.#answerLater(connection, message);
        return this.#watch(connection);
      }
      this.#answer(connection, message);
      this.#serve(connection);
    });
  }

  async #answerLater(
    connection: Connection,
    message: PendingMessage,
  ): Promise<void> {
    await resolveMessage(message);
    if (connection.closed) return;
    this.#guard(connection, () => {
      this.#answer(connection, message);
      this.#serve(connection);
    });
  }

  /** Performs a message, and answers it unless the service manager delays that. */
  #answer(connection: Connection, message: PendingMessage): void {
    const settled = performMessage(message, this.#context);
    connection.unanswered = undefined;
    if (settled === undefined) {
      this.#send(connection, answerMessage(message, this.#context));
      return;
    }
    connection.waitsFor = "manager";
    this.#settling.set(connection, message);
    settled.then(() => this.#answerSettled(connection));
  }

  #answerSettled(connection: Connection): void {
    const message = this.#settling.get(connection);
    if (message === undefined) return;
    this.#settling.delete(connection);
    connection.waitsFor = undefined;
    if (connection.closed) return abandonMessage(message);
    this.#guard(connection, () => {
      this.#send(connection, answerMessage(message, this.#context));
      this.#serve(connection);
    });
  }

  /**
   * Answers the clients that wait for the service manager. An exec follows, and the
   * next generation must not perform their requests again.
   */
  answerSettling(): void {
    for (const connection of this.#settling.keys()) {
      this.#answerSettled(connection);
    }
  }

  #send(connection: Connection, reply: Reply): void {
    const hasRoom = connection.send(reply, this.#inFlight);
    if (!connection.writing) return;
    const { uid } = connection.peer;
    if (hasRoom && this.#users.queuedBytes(uid) <= MAX_QUEUED_OF_USER) return;
    const { counters, log } = this.#context;
    counters.refused.unread++;
    log.refusal("warn", connection.peer.uid, "client dropped", {
      reason: "it does not read its answers",
      ...connection.peer,
    });
    this.#drop(connection);
  }

  /** Watches the connection for the events that can occur next. */
  #watch(connection: Connection): void {
    if (connection.closed) return;
    if (connection.finished) return this.#drop(connection);
    this.#timeouts.update(connection);
    const wanted = interestOf(connection);
    const { fd, interest } = connection;
    if (wanted === interest) return;
    if (wanted === undefined) this.#loop.unwatch(fd);
    else if (interest !== undefined) this.#loop.change(fd, wanted);
    else {
      this.#loop.watch(
        fd,
        wanted,
        (events) => this.#handleEvents(connection, events),
      );
    }
    connection.interest = wanted;
  }

  /** Tries again later: the kernel does not report when others receive theirs. */
  #waitForRoom(connection: Connection): void {
    this.#withoutRoom.add(connection);
    this.#roomTimer ??= setTimeout(() => this.#retryRoom(), ROOM_INTERVAL);
  }

  /** First come first served for each user: to look for room takes time. */
  #retryRoom(): void {
    this.#roomTimer = undefined;
    const connections = [...this.#withoutRoom];
    this.#withoutRoom.clear();
    const without = new Set<number>();
    for (const connection of connections) {
      const { uid } = connection.peer;
      this.#guard(connection, () => {
        if (!without.has(uid)) connection.flush(this.#inFlight);
        if (connection.heldBy === "room") without.add(uid);
        this.#serve(connection);
      });
    }
  }

  #timeOut(connection: Connection): void {
    const { counters, limits, log } = this.#context;
    const within = formatDuration(limits.requestTimeout);
    counters.refused.timeouts++;
    const reason = `request not complete within ${within}`;
    const refusal = new RequestError(
      ErrorCode.INVALID_REQUEST,
      `Invalid request: not complete within ${within}`,
    );
    this.#guard(connection, () => {
      const { peer } = connection;
      log.refusal("warn", peer.uid, "client dropped", { reason, ...peer });
      connection.send(errorReply(null, refusal));
      // A client with descriptors in flight still counts.
      connection.endInput();
      if (connection.inFlight() > 0) this.#serve(connection);
      else this.#drop(connection);
    });
  }

  /** Runs `action`; an error ends only this connection. */
  #guard(connection: Connection, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!isClientGone(error)) {
        this.#context.log.error("client dropped", { reason: reasonOf(error) });
      }
      this.#drop(connection);
    }
  }

  #drop(connection: Connection): void {
    if (connection.closed) return;
    this.#timeouts.stop(connection);
    this.#turns.remove(connection);
    this.#withoutRoom.delete(connection);
    this.#users.delete(connection);
    this.#loop.forget(connection.fd);
    connection.close();
  }

  /** Closes every connection. */
  close(): void {
    clearTimeout(this.#roomTimer);
    this.#timeouts[Symbol.dispose]();
    for (const connection of this) connection.close();
    this.#users.clear();
  }
}

/** Why the next request of a client cannot be performed now. */
function obstacleOf(
  connection: Connection,
  performed: number,
): Obstacle | undefined {
  const { heldBy, framing, ended, waitsFor } = connection;
  if (waitsFor === "manager") return waitsFor;
  // The common case, which needs no system call: there is no other request.
  if (framing.isBlank && !ended) return undefined;
  if (connection.isFull || (framing.isBlank && ended)) {
    if (heldBy !== undefined) return heldBy;
    if (connection.inFlight() > 0) return "receipt";
  }
  return performed < MAX_REQUESTS ? undefined : "turn";
}

/** Whether there is room for more of what a client sends. */
function mayReceive(connection: Connection): boolean {
  const { ended, discards, waitsFor, framing } = connection;
  if (ended) return discards;
  return waitsFor === undefined || framing.pending.length < MAX_REQUEST;
}

/** Empties the buffer of a client whose bytes are discarded, unless it fills it. */
function receiveFrom(connection: Connection): void {
  for (let count = 0; count < MAX_REQUESTS; count++) {
    if (!connection.receive() || !connection.discards) return;
  }
}

/** The events to watch a client for; undefined not to watch it. */
function interestOf(connection: Connection): number | undefined {
  const { unanswered, waitsFor, heldBy, writing } = connection;
  // Between a request and its answer the daemon receives nothing. It does not
  // watch the client either, because epoll(7) always reports EPOLLHUP.
  if (unanswered !== undefined) return undefined;
  if (waitsFor === "turn" || waitsFor === "manager") return undefined;
  const read = mayReceive(connection) ? Interest.READ : 0;
  if (waitsFor !== undefined || heldBy !== undefined) {
    return read | Interest.PEER_HAS_READ;
  }
  return read | (writing ? Interest.WRITE : 0);
}
