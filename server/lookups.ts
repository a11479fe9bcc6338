import { lookUpGroup, lookUpUser } from "../ffi/accounts.ts";
import { resolveHost } from "../ffi/resolver.ts";
import type { InternetAddress } from "../ffi/socket_address.ts";

/**
 * getaddrinfo(3) and its like block a thread, and the event loop waits on one
 * of the same 32: names that resolve slowly must not take them all.
 */
const MOST_AT_ONCE = 4;

const underWay = new Map<string, Promise<InternetAddress[]>>();
const waiting: (() => void)[] = [];
let running = 0;

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
  const lookup = inTurn(() => resolveHost(host, port))
    .finally(() => underWay.delete(key));
  underWay.set(key, lookup);
  return lookup;
}

/** The number of a user; `undefined` when there is none of that name. */
export function lookUpOwner(name: string): Promise<number | undefined> {
  return inTurn(() => lookUpUser(name));
}

/** The number of a group; `undefined` when there is none of that name. */
export function lookUpOwningGroup(name: string): Promise<number | undefined> {
  return inTurn(() => lookUpGroup(name));
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running === MOST_AT_ONCE) {
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running++;
  }
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
