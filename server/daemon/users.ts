import type { Connection } from "./connection.ts";

/** Idle time after which a client makes room for one of the same user, in ms. */
const LONG_IDLE = 5_000;

/** The connected clients, by user. */
export class Users {
  /** The clients of each uid, the one that has sent nothing for longest first. */
  readonly #users = new Map<number, Set<Connection>>();
  readonly #all = new Map<Connection, Set<Connection>>();

  /** Number of clients. */
  get size(): number {
    return this.#all.size;
  }

  /** All clients. */
  connections(): IterableIterator<Connection> {
    return this.#all.keys();
  }

  /** Number of clients of a user. */
  countOf(uid: number): number {
    return this.#users.get(uid)?.size ?? 0;
  }

  /** Adds a client. */
  add(connection: Connection): void {
    const { uid } = connection.peer;
    let clients = this.#users.get(uid);
    if (clients === undefined) this.#users.set(uid, clients = new Set());
    clients.add(connection);
    this.#all.set(connection, clients);
    connection.activeAt = performance.now();
  }

  /** Removes a client; does nothing for a client that was not added. */
  delete(connection: Connection): void {
    const clients = this.#all.get(connection);
    if (clients === undefined) return;
    this.#all.delete(connection);
    clients.delete(connection);
    if (clients.size === 0) this.#users.delete(connection.peer.uid);
  }

  /** The client has sent a request. */
  touch(connection: Connection): void {
    connection.activeAt = performance.now();
    const clients = this.#all.get(connection);
    if (clients === undefined || clients.size === 1) return;
    clients.delete(connection);
    clients.add(connection);
  }

  /** The unsent answers to clients of a user, in bytes. */
  queuedBytes(uid: number): number {
    let sum = 0;
    for (const connection of this.#users.get(uid) ?? []) {
      sum += connection.queuedBytes;
    }
    return sum;
  }

  /**
   * The client that is disconnected to make room for one of `uid`: the one that
   * has been idle for longest, of the user with the most clients. It must have
   * been idle for a while if that user does not have more clients than `uid`.
   */
  victimFor(uid: number): Connection | undefined {
    let most: Set<Connection> | undefined;
    for (const clients of this.#users.values()) {
      if (clients.size > (most?.size ?? 0)) most = clients;
    }
    if (most === undefined) return undefined;
    const hasMore = most !== this.#users.get(uid) &&
      most.size > this.countOf(uid) + 1;
    const latest = performance.now() - (hasMore ? 0 : LONG_IDLE);
    for (const connection of most) {
      if (connection.activeAt > latest) return undefined;
      if (connection.isIdle) return connection;
    }
    return undefined;
  }

  /** Forgets all clients. */
  clear(): void {
    this.#users.clear();
    this.#all.clear();
  }
}
