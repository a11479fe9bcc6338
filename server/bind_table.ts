import { formatAddress, type HostAddress, identityOf } from "../address.ts";
import type { Descriptor } from "../ffi/descriptor.ts";
import type { Peer } from "../ffi/socket.ts";

/** A socket that the daemon holds. */
export interface Bind {
  /** The address as canonical as it gets. */
  readonly address: HostAddress;
  /** The daemon's own copy, close-on-exec. */
  readonly socket: Descriptor;
  /** As last asked for; the kernel may have capped it. */
  backlog: number;
  /** When it was bound, ISO 8601. */
  readonly boundAt: string;
  /** How many times it was handed out. */
  handedOut: number;
  /** Who got it last. */
  lastPeer?: Peer & { at: string };
}

/** Every socket the daemon holds, by identity. */
export class BindTable implements Iterable<Bind> {
  readonly #binds = new Map<string, Bind>();

  /** How many there are. */
  get size(): number {
    return this.#binds.size;
  }

  /** The one bound to an address. */
  get(address: HostAddress): Bind | undefined {
    return this.#binds.get(identityOf(address));
  }

  /** Takes over a socket. */
  add(bind: Bind): void {
    const identity = identityOf(bind.address);
    if (this.#binds.has(identity)) {
      throw new TypeError(`${formatAddress(bind.address)} is bound already`);
    }
    this.#binds.set(identity, bind);
  }

  /** In the order they were bound. */
  [Symbol.iterator](): Iterator<Bind> {
    return this.#binds.values();
  }

  /** Closes the daemon's copies; whoever was handed one keeps it. */
  close(): void {
    for (const { socket } of this) socket.close();
    this.#binds.clear();
  }
}
