import { abi } from "../ffi/abi.ts";
import { OsError } from "../ffi/errno.ts";
import { Interest } from "../ffi/poller.ts";
import { formatDuration } from "../duration.ts";
import { ErrorCode, FramingError, type Status } from "../protocol.ts";
import { Authorization } from "./authorization.ts";
import type { BindTable } from "./bind_table.ts";
import { type Connection, isClientGone } from "./connection.ts";
import { Connections } from "./connections.ts";
import type { ControlSocket } from "./control_socket.ts";
import { Counters } from "./counters.ts";
import { dispatch, errorReply, type Reply } from "./dispatch.ts";
import { EventLoop } from "./event_loop.ts";
import { IncompleteRequests } from "./incomplete_requests.ts";
import type { Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Policy } from "./policy/policy.ts";
import { Reception } from "./reception.ts";
import { RequestError } from "./request_error.ts";
import { statusMethod } from "./status_method.ts";

/**
 * So many clients have their answers sent together: enough to save most of the
 * wake-ups, and nobody waits for all others that are ready.
 */
const AT_ONCE = 32;

/** When the daemon began, which re-execs do not change. */
export interface Origin {
  /** ISO 8601. */
  readonly startedAt: string;
  /** 1, and one more with every re-exec. */
  readonly generation: number;
}

/** What a daemon is made of. */
export interface DaemonParts {
  readonly control: ControlSocket;
  readonly binds: BindTable;
  readonly log: Log;
  readonly origin: Origin;
  readonly limits: Limits;
  /** Default: whoever may connect may ask. */
  readonly policy: Policy | undefined;
}

/**
 * Deno opens a file when a stack is asked for the first time, and panics where
 * it cannot: with the last descriptor gone that would be the end of all.
 */
function openSourceMaps(): void {
  void new Error().stack;
}

/** A failed call says it all; anything else is ours to find. */
function reasonOf(error: unknown): string {
  if (error instanceof OsError) return error.message;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** The daemon: one event loop over the control socket and its clients. */
export class Daemon implements Disposable {
  readonly control: ControlSocket;
  readonly binds: BindTable;
  readonly log: Log;
  readonly origin: Origin;
  readonly limits: Limits;
  readonly authorization: Authorization;
  readonly counters: Counters = new Counters();
  /** ISO 8601. */
  readonly generationStartedAt: string = new Date().toISOString();
  readonly #loop = new EventLoop();
  readonly #connections = new Connections();
  readonly #reception: Reception;
  /** Whether somebody has connected in this turn. */
  #knocked = false;
  #closed = false;
  readonly #watched = new Map<number, () => void>();
  /** Clients that had a turn and whose answers have not been sent yet. */
  #served: Connection[] = [];
  readonly #incomplete: IncompleteRequests;
  readonly #stopping = new AbortController();

  /** Takes over the sockets. */
  constructor(parts: DaemonParts) {
    const { control, binds, log, origin, limits, policy } = parts;
    this.control = control;
    this.binds = binds;
    this.log = log;
    this.origin = origin;
    this.limits = limits;
    this.authorization = new Authorization(log, policy);
    this.#incomplete = new IncompleteRequests(
      limits.requestTimeout,
      (connection) => this.#dropLate(connection),
    );
    this.#reception = new Reception(control.descriptor.fd, {
      log,
      mostClients: limits.clients,
      hasRoom: () => {
        // Who has hung up by now makes room.
        if (this.#connections.size >= limits.clients) this.#settle();
        return this.#connections.size < limits.clients;
      },
      makeRoom: () => {
        const before = this.#connections.size;
        this.#settle();
        return this.#connections.size < before;
      },
      welcome: (connection) => this.#welcome(connection),
      turnAway: (connection, error) => this.#turnAway(connection, error),
      watchControl: (on) => this.#act(() => this.#watchControl(on)),
    });
    try {
      this.#loop.poller.add(control.descriptor.fd, Interest.READ);
    } catch (error) {
      this.#reception[Symbol.dispose]();
      this.#loop[Symbol.dispose]();
      throw error;
    }
    openSourceMaps();
  }

  /** Aborted by {@linkcode Daemon.stop}. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Every connected client. */
  get connections(): Iterable<Connection> & { readonly size: number } {
    return this.#connections;
  }

  /** The answer to the method `status`. */
  status(): Status {
    return statusMethod(this);
  }

  /** Takes in a client of the last generation. */
  adopt(connection: Connection): void {
    this.#welcome(connection);
    this.#settle();
  }

  #welcome(connection: Connection): void {
    this.#connections.add(connection);
    this.#guard(connection, () => {
      // Most clients have sent their request by the time they are accepted.
      if (!connection.ended) connection.receive();
      this.#serve(connection);
    });
  }

  /** Serves until {@linkcode Daemon.stop}, then closes everything. */
  async run(): Promise<void> {
    try {
      await this.#loop.run({
        ready: (fd, events) => this.#ready(fd, events),
        end: () => this.#endTurn(),
      });
    } finally {
      this.close();
    }
  }

  /** Ends {@linkcode Daemon.run}. */
  stop(): void {
    if (this.signal.aborted) return;
    this.#stopping.abort();
    if (!this.#closed) this.#loop.stop();
  }

  /** Calls `action` whenever a descriptor of the caller's is readable. */
  watch(fd: number, action: () => void): void {
    this.#loop.poller.add(fd, Interest.READ);
    this.#watched.set(fd, action);
  }

  /** Who is there goes before who comes: a client that hung up makes room. */
  #endTurn(): void {
    if (this.#knocked) this.#reception.accept();
    this.#knocked = false;
    this.#settle();
  }

  #ready(fd: number, events: number): void {
    if (fd === this.control.descriptor.fd) {
      this.#knocked = true;
      return;
    }
    const watched = this.#watched.get(fd);
    if (watched !== undefined) {
      this.#settle();
      this.#act(watched);
      return;
    }
    const connection = this.#connections.get(fd);
    // Closed by an event before this one in the same batch.
    if (connection === undefined) return;
    this.#guard(connection, () => {
      // A client that has hung up unread shows no room, only EPOLLHUP: to send
      // is what tells, or the event would come back for ever.
      if (connection.writing && (events & ~abi.EPOLLIN) !== 0) {
        connection.flush();
      }
      const readable = (events & ~abi.EPOLLOUT) !== 0;
      if (readable && !connection.ended) connection.receive();
      this.#serve(connection);
    });
  }

  /** Whatever a caller's action meets is no reason to stop serving. */
  #act(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.log.error("internal error", { reason: reasonOf(error) });
    }
  }

  #turnAway(connection: Connection, error: RequestError): void {
    const { refused } = this.counters;
    if (error.code === ErrorCode.LIMIT_REACHED) refused.clients++;
    else refused.descriptors++;
    this.#guard(connection, () => {
      connection.reply(errorReply(null, error));
      connection.flush();
    });
    connection.close();
  }

  #watchControl(on: boolean): void {
    const { fd } = this.control.descriptor;
    this.#loop.poller.change(fd, on ? Interest.READ : 0);
  }

  /** Answers what requests there are; {@linkcode Daemon.#settle} sends. */
  #serve(connection: Connection): void {
    if (connection.inHand === undefined) this.#answer(connection);
    if (connection.closed) return;
    this.#served.push(connection);
    if (this.#served.length >= AT_ONCE) this.#settle();
  }

  /**
   * Sends the answers of a turn, one right after the other, and arranges what
   * to wait for next. A client that sleeps costs a wake-up, which is most of
   * what sendmsg(2) takes; one that is given its next answer before it has
   * dealt with the last stays awake.
   */
  #settle(): void {
    const served = this.#served;
    if (served.length === 0) return;
    this.#served = [];
    for (const connection of served) {
      if (connection.closed) continue;
      this.#guard(connection, () => {
        connection.flush();
        this.#incomplete.note(connection);
        if (connection.finished) this.#drop(connection);
        else this.#watch(connection);
      });
    }
  }

  #answer(connection: Connection): void {
    while (true) {
      let request: Uint8Array<ArrayBuffer> | undefined;
      try {
        request = connection.framing.next();
      } catch (error) {
        if (!(error instanceof FramingError)) throw error;
        connection.endInput();
        const { code, message } = error;
        this.log.info("refused", { code, reason: message });
        this.counters.count(undefined, true);
        const refusal = new RequestError(code, message);
        this.#reply(connection, errorReply(null, refusal));
        return;
      }
      if (request === undefined) return;
      this.#incomplete.forget(connection);
      const reply = dispatch(request, connection, this);
      if (reply instanceof Promise) {
        connection.inHand = request.slice();
        this.#replyLater(connection, reply);
        return;
      }
      if (!this.#reply(connection, reply)) return;
    }
  }

  async #replyLater(
    connection: Connection,
    pending: Promise<() => Reply>,
  ): Promise<void> {
    let reply: Reply;
    try {
      const perform = await pending;
      // A client that is gone, and counted no more, changes nothing any more.
      if (connection.closed) return;
      reply = perform();
    } catch (error) {
      this.log.error("client dropped", { reason: reasonOf(error) });
      this.#drop(connection);
      return;
    }
    connection.inHand = undefined;
    this.#guard(connection, () => {
      if (this.#reply(connection, reply)) this.#serve(connection);
    });
    this.#settle();
  }

  #reply(connection: Connection, reply: Reply): boolean {
    if (connection.reply(reply)) return true;
    this.counters.refused.unread++;
    this.log.warn("client dropped: it does not read its answers", {
      ...connection.peer,
    });
    this.#drop(connection);
    return false;
  }

  /** Tells the poller what this client can make us do next. */
  #watch(connection: Connection): void {
    // While an answer is being worked on nothing more is taken in, and a
    // client that hangs up meanwhile must not turn the loop without end.
    const wanted = connection.inHand !== undefined
      ? undefined
      : (connection.ended ? 0 : Interest.READ) |
        (connection.writing ? Interest.WRITE : 0);
    const { fd, interest } = connection;
    if (wanted === interest) return;
    const { poller } = this.#loop;
    if (wanted === undefined) poller.remove(fd);
    else if (interest === undefined) poller.add(fd, wanted);
    else poller.change(fd, wanted);
    connection.interest = wanted;
  }

  /** Whatever goes wrong with one client ends that client only. */
  #guard(connection: Connection, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!isClientGone(error)) {
        this.log.error("client dropped", { reason: reasonOf(error) });
      }
      this.#drop(connection);
    }
  }

  #dropLate(connection: Connection): void {
    const { requestTimeout } = this.limits;
    const within = formatDuration(requestTimeout);
    this.counters.refused.timeouts++;
    const reason = `Invalid request: not complete within ${within}`;
    const refusal = new RequestError(ErrorCode.INVALID_REQUEST, reason);
    this.#guard(connection, () => {
      this.log.warn("client dropped: its request did not come to its end", {
        within,
        ...connection.peer,
      });
      connection.reply(errorReply(null, refusal));
      connection.flush();
      this.#drop(connection);
    });
  }

  #drop(connection: Connection): void {
    if (connection.closed) return;
    this.#incomplete.forget(connection);
    this.#connections.delete(connection);
    connection.close();
  }

  /** Closes everything; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reception[Symbol.dispose]();
    this.#incomplete[Symbol.dispose]();
    this.#connections.close();
    this.control.close();
    this.binds.close();
    this.#loop[Symbol.dispose]();
    this.log.flush();
  }

  /** Same as {@linkcode Daemon.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
