/**
 * Length and seed of the soak. `MULTIBINDER_SOAK=600` is the length in seconds;
 * the default is 60 in CI and about 20 elsewhere.
 *
 * `MULTIBINDER_SOAK_SEED=7` repeats a run and `MULTIBINDER_SOAK_ROUND=12`
 * starts with that round. The seed determines the environment of the daemon and the
 * acts of each actor in a round, independently of answers and of earlier rounds. It does not determine the order
 * in which requests arrive or the byte at which a re-exec interrupts a request:
 * that depends on the kernel's scheduling. The suite always uses the same seed; a
 * soak with a given length uses and prints a new one.
 *
 * @module
 */
import { Random } from "../bad_clients/malformed_requests.ts";

const asked = Deno.env.get("MULTIBINDER_SOAK");

/** A minute in CI, less elsewhere. */
const USUAL_SECONDS = Deno.env.has("CI") ? 60 : 20;

/** Approximate length of the run, in s. */
export const SECONDS: number = asked === undefined
  ? USUAL_SECONDS
  : Number(asked);

/** A run is made of cycles of this length, in s. */
const CYCLE_SECONDS = 60;

/** Number of cycles, each of storms and a steady stretch. */
export const CYCLES: number = Math.max(1, Math.round(SECONDS / CYCLE_SECONDS));

/** Length of the storms in a cycle, in s; the rest is for the flood. */
export const STORM_SECONDS: number = SECONDS / CYCLES / 2;

/** Requests of a flood of half a minute. */
const FLOOD = 100_000;

/** Approximate number of requests of a flood. */
export const FLOOD_REQUESTS: number = FLOOD *
  Math.min(1, SECONDS / CYCLE_SECONDS);

/** Seed of all decisions. */
export const SEED: number = Number(
  Deno.env.get("MULTIBINDER_SOAK_SEED") ??
    (asked === undefined ? 1 : crypto.getRandomValues(new Uint32Array(1))[0]!),
);

/** The first round to run. */
export const FIRST_ROUND: number = Number(
  Deno.env.get("MULTIBINDER_SOAK_ROUND") ?? 0,
);

/** More than there are actors in a round. */
const STREAMS = 64;

/** The random numbers of one actor in one round. */
export function decisionsOf(round: number, actor: number): Random {
  const stream = round * STREAMS + actor;
  return new Random(SEED + Math.imul(stream, 0x9e3779b1));
}

/** How to repeat a round. */
export function repeating(round: number): string {
  return `MULTIBINDER_SOAK_SEED=${SEED} MULTIBINDER_SOAK_ROUND=${round}`;
}
