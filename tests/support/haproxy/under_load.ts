/**
 * Clients that send requests all the time.
 *
 * @module
 */
import { load, type LoadResult, nothingYet } from "../serve/load.ts";

/** How many keep their connection, and how many do not. */
const CLIENTS = 2;

/**
 * Runs `action` under load: the results of both kinds of clients. `action` sees
 * them grow.
 */
export async function underLoad(
  port: number,
  action: (seen: Readonly<LoadResult>) => Promise<void>,
): Promise<LoadResult> {
  const ending = new AbortController();
  const { signal } = ending;
  const result = nothingYet();
  const kinds = [true, false].map((persistent) =>
    load(port, { clients: CLIENTS, persistent, signal }, result)
  );
  try {
    await action(result);
  } finally {
    ending.abort();
  }
  await Promise.all(kinds);
  return result;
}
