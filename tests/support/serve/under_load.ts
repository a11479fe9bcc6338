/**
 * An action under load.
 *
 * @module
 */
import { eventually } from "../eventually.ts";
import { load, type LoadResult, nothingYet } from "./load.ts";

/** The clients of {@linkcode underLoad}. */
export interface Clients {
  /** How many of each kind. Default: 2. */
  clients?: number;
  /** Whether they keep their connection. Default: one kind does, one does not. */
  kinds?: readonly boolean[];
}

/**
 * Runs `action` under load: the result of all clients. `action` begins after
 * the first answer, and sees the result grow.
 */
export async function underLoad(
  address: { readonly hostname?: string; readonly port: number },
  action: (seen: Readonly<LoadResult>) => Promise<void>,
  { clients = 2, kinds = [true, false] }: Clients = {},
): Promise<LoadResult> {
  const { hostname = "127.0.0.1", port } = address;
  const ending = new AbortController();
  const { signal } = ending;
  const result = nothingYet();
  const loads = kinds.map((persistent) =>
    load({ hostname, port }, { clients, persistent, signal }, result)
  );
  try {
    await untilSeen(result);
    await action(result);
  } finally {
    ending.abort();
    await Promise.all(loads);
  }
  return result;
}

/** Waits until a client has an answer, or one that `answer` matches. */
export async function untilSeen(
  { names }: Readonly<LoadResult>,
  answer = /^/,
): Promise<void> {
  await eventually(
    () => `an answer ${answer} to a client, but: ${[...names].join(", ")}`,
    () => [...names].some((name) => answer.test(name)),
  );
}
