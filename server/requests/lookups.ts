import { lookUpGroup, lookUpUser } from "../../ffi/processes/accounts.ts";
import { resolveHost } from "../../ffi/sockets/resolver.ts";
import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";

/**
 * Limits how many lookups run at the same time. Each lookup blocks one of the 32
 * threads of Deno's pool, and the event loop waits on one of them too.
 */
class Semaphore {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `work` when fewer than the limit are running, first come first served. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running === this.#limit) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

const hosts = new Semaphore(16);
const accounts = new Semaphore(4);

const pending = new Map<string, Promise<InternetAddress[]>>();

/**
 * Looks up the addresses of a host, IPv4 first. Concurrent calls for one name
 * share a lookup.
 *
 * @throws {NameError} if the name has no address.
 */
export function lookUp(host: string, port: number): Promise<InternetAddress[]> {
  const key = `${host}:${port}`;
  const shared = pending.get(key);
  if (shared !== undefined) return shared;
  const lookup = hosts.run(() => resolveHost(host, port))
    .finally(() => pending.delete(key));
  pending.set(key, lookup);
  return lookup;
}

/** Looks up the id of a user; `undefined` if the user does not exist. */
export function lookUpOwner(name: string): Promise<number | undefined> {
  return accounts.run(() => lookUpUser(name));
}

/** Looks up the id of a group; `undefined` if the group does not exist. */
export function lookUpOwningGroup(name: string): Promise<number | undefined> {
  return accounts.run(() => lookUpGroup(name));
}
