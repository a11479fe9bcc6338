import { Descriptor, spareDescriptor } from "../ffi/descriptor.ts";
import { OsError } from "../ffi/errno.ts";
import { acceptConnection } from "../ffi/socket.ts";
import { ErrorCode } from "../protocol.ts";
import { Connection } from "./connection.ts";
import type { Log } from "./log.ts";
import {
  bindError,
  isOutOfDescriptors,
  RequestError,
} from "./request_error.ts";

/** Connections taken in one turn, so that a flood of them is no standstill. */
const ACCEPTS_A_TURN = 64;

/** How long nobody is accepted when not even a refusal is possible, in ms. */
const PAUSE = 100;

/** Refusals are many where there are some: one line of the log a second. */
const COMPLAINT_INTERVAL = 1_000;

/** What becomes of those who connect. */
export interface Host {
  readonly log: Log;
  /** Whether there is room for one more client. */
  hasRoom(): boolean;
  /** Lets go of those who have hung up: whether there were any. */
  makeRoom(): boolean;
  /** How many there may be. */
  readonly mostClients: number;
  /** He is in. */
  welcome(connection: Connection): void;
  /** He is told why not, and goes. */
  turnAway(connection: Connection, error: RequestError): void;
  /** Whether the control socket is watched. */
  watchControl(on: boolean): void;
}

/** Accepts whoever connects to the control socket, or tells him why not. */
export class Reception implements Disposable {
  /** The control socket, which is somebody else's. */
  readonly #control: number;
  readonly #host: Host;
  #reserve: Descriptor | undefined = spareDescriptor();
  #pause: ReturnType<typeof setTimeout> | undefined;
  #complainedAt = -Infinity;

  constructor(control: number, host: Host) {
    this.#control = control;
    this.#host = host;
  }

  /** Takes in those who wait, as many as have a turn. */
  accept(): void {
    for (let count = 0; count < ACCEPTS_A_TURN; count++) {
      let fd: number;
      try {
        fd = acceptConnection(this.#control);
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        if (isOutOfDescriptors(error)) {
          if (this.#host.makeRoom()) continue;
          this.#refuse(error);
        } else this.#rest(error);
        return;
      }
      if (fd === -1) return;
      const connection = new Connection(new Descriptor(fd));
      if (this.#host.hasRoom()) this.#host.welcome(connection);
      else this.#refuseOneMore(connection);
    }
  }

  #refuseOneMore(connection: Connection): void {
    const { mostClients } = this.#host;
    this.#complain(
      `clients are refused: ${mostClients} are connected (--max-clients)`,
    );
    const reason = `Limit reached: ${mostClients} clients are connected`;
    this.#host.turnAway(
      connection,
      new RequestError(ErrorCode.LIMIT_REACHED, `${reason} (--max-clients)`),
    );
  }

  /**
   * With no descriptor left a waiting client could be neither served nor told,
   * and the loop would turn without end: the one in reserve lets it be told.
   */
  #refuse(error: OsError): void {
    this.#complain("clients are refused", error);
    this.#reserve?.close();
    try {
      const fd = acceptConnection(this.#control);
      if (fd !== -1) {
        const connection = new Connection(new Descriptor(fd));
        this.#host.turnAway(connection, bindError(error));
      }
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      this.#rest(error);
    } finally {
      this.#reserve = spareDescriptor();
    }
  }

  #complain(message: string, error?: OsError): void {
    const now = performance.now();
    if (now - this.#complainedAt < COMPLAINT_INTERVAL) return;
    this.#complainedAt = now;
    this.#host.log.error(message, error && { reason: error.message });
  }

  /** What accept(2) fails with now, it may not fail with a moment later. */
  #rest(error: OsError): void {
    this.#complain("nobody is accepted for a moment", error);
    this.#host.watchControl(false);
    this.#pause = setTimeout(() => this.#host.watchControl(true), PAUSE);
  }

  /** Nobody is accepted any more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#pause);
    this.#reserve?.close();
    this.#reserve = undefined;
  }
}
