/**
 * An actor: one of the concurrent users of the daemon.
 *
 * @module
 */
import { RawConnection } from "../raw_connection.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import { Exchange, type Expectations, type Receiver } from "./conversation.ts";
import type { Place } from "./places.ts";
import type { Message } from "./requests.ts";

/** State that the actors of a round share. */
export interface Ground extends Expectations {
  /** The control socket. */
  readonly sock: string;
  /** Places that every actor binds and no actor releases. */
  readonly shared: readonly Place[];
  /** Places that another program holds. */
  readonly taken: readonly Place[];
}

/** The places of an actor. */
export interface Grounds {
  /** Places that only this actor uses. */
  readonly places: readonly Place[];
  /** Places that only this actor uses, for requests whose answers it ignores. */
  readonly ventured: readonly Place[];
}

/** An actor in one round. `using` closes its connections. */
export class Actor implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #late: Exchange[] = [];
  #line: RawConnection | undefined;

  constructor(
    readonly ground: Ground,
    readonly own: Grounds,
    /** Random numbers of the current act. */
    public random: Random,
  ) {}

  /** A new connection, which the caller closes. */
  open(): RawConnection {
    return RawConnection.open(this.ground.sock);
  }

  /** A new connection that is closed at the end of the round. */
  openForLong(): RawConnection {
    return this.#stack.use(this.open());
  }

  /** The connection that this actor keeps for the round. */
  get line(): RawConnection {
    return this.#line ??= this.openForLong();
  }

  /** A conversation with expected answers. */
  exchange(
    connection: RawConnection,
    ...messages: readonly Message[]
  ): Exchange {
    return new Exchange(this.ground, connection, messages);
  }

  /** Sends requests on a connection and checks the answers. */
  async converse(
    connection: RawConnection,
    messages: readonly Message[],
    got?: Receiver,
  ): Promise<void> {
    const exchange = this.exchange(connection, ...messages);
    await exchange.send(this.random);
    await exchange.receive(got);
  }

  /** Postpones reading the answers. */
  readLater(exchange: Exchange): void {
    this.#late.push(exchange);
  }

  /** Reads the answers that were postponed first. */
  async readLate(): Promise<void> {
    await this.#late.shift()?.receive();
  }

  /** Reads all postponed answers. */
  async readAllLate(): Promise<void> {
    while (this.#late.length > 0) await this.readLate();
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]();
  }
}
