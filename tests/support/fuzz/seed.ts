/**
 * Number and seed of the cases. By default a run repeats the same cases.
 * `MULTIBINDER_FUZZ=20000` runs that many new cases in each test,
 * `MULTIBINDER_FUZZ=endless` runs until a test fails, and
 * `MULTIBINDER_FUZZ_SEED=7` repeats a run.
 *
 * @module
 */
import { Random } from "../bad_clients/malformed_requests.ts";

const wanted = Deno.env.get("MULTIBINDER_FUZZ");

/** Seed of the cases. */
export const SEED: number = Number(
  Deno.env.get("MULTIBINDER_FUZZ_SEED") ??
    (wanted === undefined ? 1 : crypto.getRandomValues(new Uint32Array(1))[0]!),
);

/** The number of cases of a test, by default `usual`. */
export function casesFor(usual: number): number {
  if (wanted === undefined) return usual;
  return wanted === "endless" ? Infinity : Number(wanted);
}

/** The random numbers of a case, independent of other cases. */
export function randomOf(number: number): Random {
  return new Random(SEED + Math.imul(number, 0x9e3779b1));
}

/** Runs `action` for a case; an error says how to repeat the case. */
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
