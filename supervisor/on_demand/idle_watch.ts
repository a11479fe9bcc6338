import { waitReadySync } from "../../ffi/files/readiness.ts";
import { ClosedConnections } from "../../ffi/sockets/closed_connections.ts";
import { connectionsTo } from "../../ffi/sockets/open_sockets.ts";
import { isListening } from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { Arrivals } from "./arrivals.ts";

/** How often to look in the time of the limit. */
const LOOKS = 10;

/** How long to wait between two looks, in ms. */
const SHORTEST_INTERVAL = 50;
const LONGEST_INTERVAL = 30_000;

/** Hears what a watch has found. It does not look any more then. */
export interface IdleEvents {
  /** No connection has been open or waiting for as long as the limit. */
  idle(): void;
  /** The kernel does not report sockets. */
  blind(): void;
}

/** Watches sockets until no connection has been open or waiting for a time. */
export class IdleWatch implements Disposable {
  readonly #sockets: readonly number[];
  /** Those that have connections, and not only datagrams. */
  readonly #listeners: readonly number[];
  readonly #limit: number;
  readonly #events: IdleEvents;
  readonly #arrivals: Arrivals;
  /** Connections too short to be seen open. */
  readonly #closed: ClosedConnections | undefined;
  #lastUse = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param limit in ms */
  constructor(sockets: readonly number[], limit: number, events: IdleEvents) {
    this.#sockets = sockets;
    this.#limit = limit;
    this.#events = events;
    this.#listeners = sockets.filter(isListening);
    this.#closed = ClosedConnections.at(tcpPorts(this.#listeners));
    this.#arrivals = new Arrivals(sockets);
    this.#lookAfter(limit);
  }

  #lookAfter(left: number): void {
    const interval = Math.max(this.#limit / LOOKS, SHORTEST_INTERVAL);
    this.#timer = setTimeout(
      () => this.#look(),
      Math.min(left, interval, LONGEST_INTERVAL),
    );
  }

  #look(): void {
    const isUsed = this.#isUsed();
    if (isUsed === undefined) return this.#events.blind();
    const now = performance.now();
    if (isUsed) this.#lastUse = now;
    const left = this.#lastUse + this.#limit - now;
    if (left > 0) return this.#lookAfter(left);
    this.#events.idle();
  }

  /** Whether there were connections since the last look; `undefined` if unknown. */
  #isUsed(): boolean | undefined {
    const hasArrived = this.#arrivals.takeAny();
    const hasClosed = this.#closed?.takeAny() ?? false;
    if (hasArrived || hasClosed) return true;
    if (this.#sockets.some((fd) => waitReadySync(fd, "read", 0))) return true;
    const found = this.#listeners.map((fd) => connectionsTo(fd)?.isAny);
    if (found.includes(true)) return true;
    return found.includes(undefined) ? undefined : false;
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#arrivals[Symbol.dispose]();
    this.#closed?.[Symbol.dispose]();
  }
}

function tcpPorts(sockets: readonly number[]): number[] {
  return sockets.map(localAddress)
    .filter((address) => address.family !== "unix")
    .map(({ port }) => port);
}
