import { lookUpGroup, lookUpUser } from "../../ffi/processes/accounts.ts";
import { resolveHost } from "../../ffi/sockets/resolver.ts";
import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";

/**
 * Lookups at the same time. Each takes a thread for as long as it lasts, and
 * the event loop waits on one of the same 32: names that resolve slowly must
 * not take them all, nor may they hold up those of users and groups.
 */
class Lane {
  readonly #width: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** Does it as soon as there is room, in the order of asking. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running === this.#width) {
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

const hosts = new Lane(16);
const accounts = new Lane(4);

const underWay = new Map<string, Promise<InternetAddress[]>>();

/**
 * The addresses of a host, IPv4 first; who asks for a name that is being
 * resolved shares the answer.
 *
 * @throws {NameError} when there is none.
 */
export function lookUp(host: string, port: number): Promise<InternetAddress[]> {
  const key = `${host}:${port}`;
  const shared = underWay.get(key);
  if (shared !== undefined) return shared;
  const lookup = hosts.run(() => resolveHost(host, port))
    .finally(() => underWay.delete(key));
  underWay.set(key, lookup);
  return lookup;
}

/** The number of a user; `undefined` when there is none of that name. */
export function lookUpOwner(name: string): Promise<number | undefined> {
  return accounts.run(() => lookUpUser(name));
}

/** The number of a group; `undefined` when there is none of that name. */
export function lookUpOwningGroup(name: string): Promise<number | undefined> {
  return accounts.run(() => lookUpGroup(name));
}
