/**
 * One of those who use the daemon at the same time.
 *
 * @module
 */
import { RawConnection } from "../raw_connection.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import { Exchange, type Expectations, type Receiver } from "./conversation.ts";
import type { Place } from "./places.ts";
import type { Message } from "./requests.ts";

/** What actors of a round have in common. */
export interface Ground extends Expectations {
  /** The control socket. */
  readonly sock: string;
  /** What everybody asks for and nobody releases. */
  readonly shared: readonly Place[];
  /** What somebody else has. */
  readonly taken: readonly Place[];
}

/** Where an actor acts. */
export interface Grounds {
  /** Its own. */
  readonly places: readonly Place[];
  /** Its own too, for requests whose answers nobody waits for. */
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
    /** Its decisions in what it does now. */
    public random: Random,
  ) {}

  /** A new connection; whoever opens it closes it. */
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

  /** What is sent on a connection, and what has to come back. */
  exchange(
    connection: RawConnection,
    ...messages: readonly Message[]
  ): Exchange {
    return new Exchange(this.ground, connection, messages);
  }

  /** Asks on a connection and checks the answers. */
  async converse(
    connection: RawConnection,
    messages: readonly Message[],
    got?: Receiver,
  ): Promise<void> {
    const exchange = this.exchange(connection, ...messages);
    await exchange.send(this.random);
    await exchange.receive(got);
  }

  /** Leaves answers unread for now. */
  readLater(exchange: Exchange): void {
    this.#late.push(exchange);
  }

  /** Reads the answers that were left unread for longest. */
  async readLate(): Promise<void> {
    await this.#late.shift()?.receive();
  }

  /** Reads all of them. */
  async readAllLate(): Promise<void> {
    while (this.#late.length > 0) await this.readLate();
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]();
  }
}
