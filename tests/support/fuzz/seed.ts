/**
 * How much is tried, and from where on. The suite tries the same cases each
 * time. `MULTIBINDER_FUZZ=20000` tries so many others in each test,
 * `MULTIBINDER_FUZZ=endless` does not stop before something is found, and
 * `MULTIBINDER_FUZZ_SEED=7` repeats a run.
 *
 * @module
 */
import { Random } from "../bad_clients/malformed_requests.ts";

const wanted = Deno.env.get("MULTIBINDER_FUZZ");

/** Makes the same cases again. */
export const SEED: number = Number(
  Deno.env.get("MULTIBINDER_FUZZ_SEED") ??
    (wanted === undefined ? 1 : crypto.getRandomValues(new Uint32Array(1))[0]!),
);

/** How many cases a test tries that would try `usual` ones. */
export function casesFor(usual: number): number {
  if (wanted === undefined) return usual;
  return wanted === "endless" ? Infinity : Number(wanted);
}

/** The case of a number: each can be made without those before it. */
export function randomOf(number: number): Random {
  return new Random(SEED + Math.imul(number, 0x9e3779b1));
}

/** Runs `action` for a case; what it throws says how to have it again. */
export async function inCase<T>(
  number: number,
  subject: () => string,
  action: (random: Random) => T | Promise<T>,
): Promise<T> {
  try {
    return await action(randomOf(number));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `MULTIBINDER_FUZZ_SEED=${SEED}, case ${number}: ${subject()}: ${reason}`,
      { cause },
    );
  }
}
