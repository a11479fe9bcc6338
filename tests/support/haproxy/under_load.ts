/**
 * Clients that send requests all the time.
 *
 * @module
 */
import { load, type LoadResult } from "../serve/load.ts";

/** How many keep their connection, and how many do not. */
const CLIENTS = 2;

/**
 * Runs `action` under load: the results of both kinds of clients.
 */
export async function underLoad(
  port: number,
  action: () => Promise<void>,
): Promise<LoadResult> {
  const ending = new AbortController();
  const { signal } = ending;
  const kinds = [true, false].map((persistent) =>
    load(port, { clients: CLIENTS, persistent, signal })
  );
  try {
    await action();
  } finally {
    ending.abort();
  }
  const [kept, single] = await Promise.all(kinds);
  return {
    answered: kept!.answered + single!.answered,
    names: kept!.names.union(single!.names),
    lost: [...kept!.lost, ...single!.lost],
    closedBetween: kept!.closedBetween + single!.closedBetween,
  };
}
