import {
  type Address,
  canonicalIdentity,
  formatAddress,
  hasHost,
} from "../../address.ts";
import type { FileIdentity } from "../../ffi/files/file.ts";
import type { Peer } from "../../ffi/sockets/socket.ts";
import type { WireOptions } from "../../protocol.ts";
import type { BoundSocket } from "./listening_socket.ts";
import { removeSocketFile } from "./unix_socket.ts";
import { SharedDescriptor } from "./shared_descriptor.ts";

/** Who got a socket, and when. */
export interface HandOver extends Peer {
  /** In ms since 1970. */
  at: number;
}

/** A socket that the daemon holds. */
export interface Bind {
  /** The address in its canonical form. */
  readonly address: Address;
  /** The same as text ({@linkcode canonicalIdentity}). */
  readonly identity: string;
  /** The daemon's own copy, close-on-exec. */
  readonly socket: SharedDescriptor;
  /** The file at its path, where it has one. */
  readonly file: FileIdentity | undefined;
  /** As last asked for; the kernel may have capped some of it. */
  options: WireOptions;
  /** When it was bound, in ms since 1970. */
  readonly boundAt: number;
  /** How many times it was handed out. */
  handedOut: number;
  /** Who got it last. */
  lastPeer: HandOver | undefined;
}

/** Hears of what comes into the table and what leaves it. */
export interface BindObserver {
  /** A socket was bound. */
  bound(bind: Bind): void;
  /** A socket was released; it is still open. */
  released(bind: Bind): void;
  /** What was released has to be free when this returns. */
  settle(): void;
}

/** Every socket the daemon holds, by identity. */
export class BindTable implements Iterable<Bind> {
  readonly #binds = new Map<string, Bind>();
  #closed = false;
  /** Default: nobody. */
  observer: BindObserver | undefined;

  /** Whether nothing is held any more, and nothing will be. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many there are. */
  get size(): number {
    return this.#binds.size;
  }

  /** The one bound to the address of that identity. */
  get(identity: string): Bind | undefined {
    return this.#binds.get(identity);
  }

  /** Takes over a socket. */
  add(bind: Bind): void {
    const { identity, address } = bind;
    if (this.#binds.has(identity)) {
      throw new TypeError(`${formatAddress(address)} is bound already`);
    }
    this.#binds.set(identity, bind);
    this.observer?.bound(bind);
  }

  /**
   * Closes the daemon's copy of a socket and removes its path; whoever was
   * handed one keeps it.
   */
  release(bind: Bind): void {
    const { identity, address, file } = bind;
    this.#binds.delete(identity);
    try {
      this.observer?.released(bind);
      if (file && !hasHost(address)) removeSocketFile(address.path, file);
    } finally {
      bind.socket.release();
    }
  }

  /** Waits until what was released is free, as far as others keep it. */
  settle(): void {
    this.observer?.settle();
  }

  /** In the order they were bound. */
  [Symbol.iterator](): Iterator<Bind> {
    return this.#binds.values();
  }

  /** Closes the daemon's copies; whoever was handed one keeps it. */
  close(): void {
    this.#closed = true;
    for (const { socket } of this) socket.release();
    this.#binds.clear();
  }
}

/** A socket that nobody was handed yet, ready to be added. */
export function newBind(
  address: Address,
  { socket, file }: BoundSocket,
  options: WireOptions,
): Bind {
  return {
    address,
    identity: canonicalIdentity(address),
    socket: new SharedDescriptor(socket),
    file,
    options,
    boundAt: Date.now(),
    handedOut: 0,
    lastPeer: undefined,
  };
}
