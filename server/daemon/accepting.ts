import { Descriptor, spareDescriptor } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { Interest } from "../../ffi/files/poller.ts";
import { acceptConnection } from "../../ffi/sockets/socket.ts";
import { ErrorCode } from "../../protocol.ts";
import { logInternalError, reasonOf } from "../log/internal_errors.ts";
import type { Limits } from "./limits.ts";
import type { Log } from "../log/log.ts";
import {
  bindError,
  isOutOfDescriptors,
  RequestError,
} from "../requests/request_error.ts";
import { errorReply } from "../requests/answers.ts";
import type { Counters } from "../log/counters.ts";
import type { Clients } from "./clients.ts";
import { Connection, isClientGone } from "./connection.ts";
import type { EventLoop } from "./event_loop.ts";

/** Clients accepted in one turn, so that connected clients are served too. */
const MAX_ACCEPTS = 64;

/** How long accepting pauses when not even a refusal is possible, in ms. */
const PAUSE = 100;

/** Refusals are logged at most once in this time, in ms. */
const LOG_INTERVAL = 1_000;

/** The parts of the daemon that accepting needs. */
export interface AcceptorParts {
  /** The control socket. */
  readonly fd: number;
  readonly loop: EventLoop;
  readonly clients: Clients;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly log: Log;
}

/** Accepts clients on the control socket, or tells them why it does not. */
export class Acceptor implements Disposable {
  readonly #parts: AcceptorParts;
  #reserve: Descriptor | undefined = spareDescriptor();
  #isDue = false;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #loggedAt = -Infinity;

  /** Watches the control socket. */
  constructor(parts: AcceptorParts) {
    this.#parts = parts;
    try {
      parts.loop.watch(parts.fd, Interest.READ, () => this.#isDue = true);
    } catch (error) {
      this.#reserve?.close();
      throw error;
    }
  }

  /**
   * Accepts clients if any are waiting. This is the last step of a turn: a
   * client that has disconnected makes room for a new one.
   */
  acceptWaiting(): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    try {
      for (let count = 0; count < MAX_ACCEPTS; count++) {
        const connection = this.#accept();
        if (connection === undefined) return;
        this.#admit(connection);
      }
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (isOutOfDescriptors(error)) this.#refuseOne(error);
      else this.#pauseAccepting(error);
    }
  }

  #accept(): Connection | undefined {
    const fd = acceptConnection(this.#parts.fd);
    return fd === -1 ? undefined : new Connection(new Descriptor(fd));
  }

  #admit(connection: Connection): void {
    const { clients, limits, counters } = this.#parts;
    if (clients.size < limits.clients) {
      clients.add(connection);
      return;
    }
    counters.refused.clients++;
    this.#log(
      `clients are refused: ${limits.clients} are connected (--max-clients)`,
    );
    const reason =
      `Limit reached: ${limits.clients} clients are connected (--max-clients)`;
    this.#refuse(
      connection,
      new RequestError(ErrorCode.LIMIT_REACHED, reason),
    );
  }

  /**
   * Without a spare descriptor a waiting client can be neither accepted nor
   * refused, and its event would come back in every turn. The reserve is
   * closed to accept it for as long as the refusal takes.
   */
  #refuseOne(cause: OsError): void {
    this.#log("clients are refused", cause);
    this.#reserve?.close();
    try {
      const connection = this.#accept();
      if (connection === undefined) return;
      this.#parts.counters.refused.descriptors++;
      this.#refuse(connection, bindError(cause));
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      this.#pauseAccepting(error);
    } finally {
      this.#reserve = spareDescriptor();
    }
  }

  #refuse(connection: Connection, error: RequestError): void {
    try {
      connection.send(errorReply(null, error));
    } catch (error) {
      if (!isClientGone(error)) {
        this.#parts.log.error("client dropped", { reason: reasonOf(error) });
      }
    }
    connection.close();
  }

  #log(message: string, error?: OsError): void {
    const now = performance.now();
    if (now - this.#loggedAt < LOG_INTERVAL) return;
    this.#loggedAt = now;
    this.#parts.log.error(message, error && { reason: error.message });
  }

  /** An error of accept(2) may be gone a moment later. */
  #pauseAccepting(error: OsError): void {
    this.#log(`accepting pauses for ${PAUSE} ms`, error);
    this.#watchControl(0);
    this.#pause = setTimeout(() => this.#watchControl(Interest.READ), PAUSE);
  }

  #watchControl(interest: number): void {
    const { loop, fd, log } = this.#parts;
    try {
      loop.change(fd, interest);
    } catch (error) {
      logInternalError(log, error);
    }
  }

  /** Accepts no more clients. */
  [Symbol.dispose](): void {
    clearTimeout(this.#pause);
    this.#reserve?.close();
    this.#reserve = undefined;
  }
}
