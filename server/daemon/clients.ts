import { formatDuration } from "../../duration.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { Interest } from "../../ffi/files/poller.ts";
import { ErrorCode, FramingError } from "../../protocol.ts";
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
} from "../requests/dispatch.ts";
import type { RequestContext } from "../requests/perform.ts";
import { type Connection, isClientGone } from "./connection.ts";
import type { EventLoop } from "./event_loop.ts";
import { RequestTimeouts } from "./request_timeouts.ts";

/** The connected clients: receives their requests and sends answers. */
export class Clients implements Iterable<Connection> {
  readonly #connections = new Set<Connection>();
  readonly #timeouts: RequestTimeouts;
  readonly #loop: EventLoop;
  readonly #context: RequestContext;
  /** Performed messages whose answers wait for the service manager. */
  readonly #settling = new Map<Connection, PendingMessage>();

  constructor(loop: EventLoop, context: RequestContext) {
    this.#loop = loop;
    this.#context = context;
    this.#timeouts = new RequestTimeouts(
      context.limits.requestTimeout,
      (connection) => this.#timeOut(connection),
    );
  }

  /** Number of connected clients. */
  get size(): number {
    return this.#connections.size;
  }

  /** In the order in which they were accepted. */
  [Symbol.iterator](): Iterator<Connection> {
    return this.#connections.values();
  }

  /** Starts serving a client. */
  add(connection: Connection): void {
    this.#connections.add(connection);
    this.#guard(connection, () => {
      // Most clients have sent a request before they are accepted.
      if (!connection.ended) connection.receive();
      this.#serve(connection);
    });
  }

  #handleEvents(connection: Connection, events: number): void {
    this.#guard(connection, () => {
      // A client that disconnects without reading its answers causes EPOLLHUP,
      // not EPOLLOUT. Only a failing send(2) reveals that it is gone.
      if (connection.writing && (events & ~abi.EPOLLIN) !== 0) {
        connection.flush();
      }
      const isReadable = (events & ~abi.EPOLLOUT) !== 0;
      if (isReadable && !connection.ended) connection.receive();
      this.#serve(connection);
    });
  }

  /** Answers the received messages in their order. */
  #serve(connection: Connection): void {
    while (!connection.closed && !connection.busy) {
      const message = this.#nextMessage(connection);
      if (message === undefined) break;
      this.#timeouts.stop(connection);
      if (isUnresolved(message)) this.#answerLater(connection, message);
      else this.#answer(connection, message);
    }
    this.#watch(connection);
  }

  #nextMessage(connection: Connection): PendingMessage | undefined {
    try {
      const bytes = connection.framing.next();
      if (bytes === undefined) return undefined;
      const message = readMessage(bytes, connection);
      if (isUnresolved(message)) connection.unanswered = bytes;
      return message;
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      connection.endInput();
      const { code, message } = error;
      return failedMessage(new RequestError(code, message), connection);
    }
  }

  async #answerLater(
    connection: Connection,
    message: PendingMessage,
  ): Promise<void> {
    await resolveMessage(message);
    if (connection.closed) return;
    this.#guard(connection, () => {
      connection.unanswered = undefined;
      this.#answer(connection, message);
      this.#serve(connection);
    });
  }

  #answer(connection: Connection, message: PendingMessage): void {
    const settled = performMessage(message, this.#context);
    if (settled === undefined) {
      this.#send(connection, answerMessage(message, this.#context));
      return;
    }
    connection.settling = true;
    this.#settling.set(connection, message);
    settled.then(() => this.#answerSettled(connection));
  }

  #answerSettled(connection: Connection): void {
    const message = this.#settling.get(connection);
    if (message === undefined) return;
    this.#settling.delete(connection);
    connection.settling = false;
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
    if (connection.send(reply)) return;
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
    // While names are looked up or an answer waits for the service manager, the
    // daemon receives nothing. It does not watch the client either, because
    // epoll(7) always reports EPOLLHUP.
    const wanted = connection.busy
      ? undefined
      : (connection.ended ? 0 : Interest.READ) |
        (connection.writing ? Interest.WRITE : 0);
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
      this.#drop(connection);
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
    this.#connections.delete(connection);
    this.#loop.forget(connection.fd);
    connection.close();
  }

  /** Closes every connection. */
  close(): void {
    this.#timeouts[Symbol.dispose]();
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }
}
