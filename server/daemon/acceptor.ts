import {
  Descriptor,
  duplicate,
  spareDescriptor,
} from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { Interest } from "../../ffi/files/poller.ts";
import {
  acceptConnection,
  type Peer,
  peerOf,
} from "../../ffi/sockets/socket.ts";
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
import { isReserved, noneLeft } from "./descriptor_reserve.ts";
import type { EventLoop } from "./event_loop.ts";

/** Clients accepted in one turn of the loop, so that it serves others too. */
const MAX_ACCEPTS = 64;

/** The same while several users are active. */
const MAX_CONTENDED_ACCEPTS = 8;

/** Time in ms until the next try after accept(2) failed. */
const RETRY_DELAY = 100;

/** At most one refusal is logged in this time, in ms. */
const LOG_INTERVAL = 1_000;

/** The parts of the daemon that the acceptor uses. */
export interface AcceptorParts {
  /** Descriptor of the control socket. */
  readonly fd: number;
  readonly loop: EventLoop;
  readonly clients: Clients;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly log: Log;
}

/** Accepts clients on the control socket, or answers them with an error. */
export class Acceptor implements Disposable {
  readonly #parts: AcceptorParts;
  #reserve: Descriptor | undefined = spareDescriptor();
  #isDue = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
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
   * Accepts waiting clients. This is the last step of a turn: a client that has
   * disconnected in this turn does not count against the limit.
   */
  acceptWaiting(): void {
    if (!this.#isDue) return;
    this.#isDue = false;
    try {
      const most = this.#parts.clients.isContended
        ? MAX_CONTENDED_ACCEPTS
        : MAX_ACCEPTS;
      for (let count = 0; count < most; count++) {
        const accepted = this.#accept();
        if (accepted === undefined) return;
        this.#admitOrClose(accepted);
      }
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      if (isOutOfDescriptors(error)) this.#refuseOne(error);
      else this.#pauseAccepting(error);
    }
  }

  #accept(): Descriptor | undefined {
    const fd = acceptConnection(this.#parts.fd);
    return fd === -1 ? undefined : new Descriptor(fd);
  }

  #admitOrClose(accepted: Descriptor): void {
    try {
      this.#admit(accepted, peerOf(accepted.fd));
    } catch (error) {
      accepted.close();
      if (!(error instanceof OsError)) throw error;
      this.#parts.log.error("client dropped", { reason: error.message });
    }
  }

  #admit(accepted: Descriptor, peer: Peer): void {
    const { clients, limits, counters } = this.#parts;
    const { uid } = peer;
    const ofUser = clients.countOf(uid);
    if (ofUser >= limits.clientsPerUser && !limits.unlimitedUsers.has(uid)) {
      counters.refused.clients_per_user++;
      const reason =
        `${ofUser} clients of user ${uid} are connected (--max-clients-per-user)`;
      return this.#refuse(accepted, limitReached(reason), reason);
    }
    const isLast = isReserved(accepted.fd);
    if ((isLast || clients.size >= limits.clients) && !clients.makeRoom(uid)) {
      return isLast
        ? this.#refuseWithoutDescriptor(accepted)
        : this.#refuseBeyondLimit(accepted);
    }
    // A lower number became free when another client made room.
    const own = isLast ? duplicate(accepted.fd) : accepted;
    if (isLast) accepted.close();
    clients.add(new Connection(own, peer));
  }

  #refuseBeyondLimit(accepted: Descriptor): void {
    const { limits, counters } = this.#parts;
    counters.refused.clients++;
    const reason = `${limits.clients} clients are connected (--max-clients)`;
    this.#refuse(accepted, limitReached(reason), reason);
  }

  #refuseWithoutDescriptor(accepted: Descriptor): void {
    this.#parts.counters.refused.descriptors++;
    const error = noneLeft("accept4");
    this.#refuse(accepted, bindError(error), error.message);
  }

  /**
   * Closes the spare descriptor to accept one client and refuse it. Without
   * that the control socket would stay readable and wake the loop in each turn.
   * This happens when the reserve is used up too, or the system's descriptors.
   */
  #refuseOne(cause: OsError): void {
    this.#reserve?.close();
    try {
      const accepted = this.#accept();
      if (accepted === undefined) return;
      this.#parts.counters.refused.descriptors++;
      this.#refuse(accepted, bindError(cause), cause.message);
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      this.#pauseAccepting(error);
    } finally {
      this.#reserve = spareDescriptor();
    }
  }

  #refuse(accepted: Descriptor, error: RequestError, reason: string): void {
    this.#log("clients refused", reason);
    const connection = new Connection(accepted);
    try {
      connection.send(errorReply(null, error));
    } catch (error) {
      if (!isClientGone(error)) {
        this.#parts.log.error("client dropped", { reason: reasonOf(error) });
      }
    }
    connection.close();
  }

  #log(message: string, reason: string): void {
    const now = performance.now();
    if (now - this.#loggedAt < LOG_INTERVAL) return;
    this.#loggedAt = now;
    this.#parts.log.error(message, { reason });
  }

  #pauseAccepting(error: OsError): void {
    this.#log(`accept failed, retrying in ${RETRY_DELAY} ms`, error.message);
    this.#watchControl(0);
    this.#retry = setTimeout(
      () => this.#watchControl(Interest.READ),
      RETRY_DELAY,
    );
  }

  #watchControl(interest: number): void {
    const { loop, fd, log } = this.#parts;
    try {
      loop.change(fd, interest);
    } catch (error) {
      logInternalError(log, error);
    }
  }

  /** Stops accepting clients. */
  [Symbol.dispose](): void {
    clearTimeout(this.#retry);
    this.#reserve?.close();
    this.#reserve = undefined;
  }
}

function limitReached(reason: string): RequestError {
  return new RequestError(
    ErrorCode.LIMIT_REACHED,
    `Limit reached: ${reason}`,
  );
}
