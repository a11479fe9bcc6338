/**
 * How long the soak lasts, and what it does. `MULTIBINDER_SOAK=600` is so many
 * seconds; without it the suite takes 60 in CI and some 20 elsewhere.
 *
 * `MULTIBINDER_SOAK_SEED=7` repeats a run and `MULTIBINDER_SOAK_ROUND=12`
 * begins with that round. The seed decides what each actor does in a round,
 * act by act, and never looks at an answer for that, so that a round is the
 * same whatever was before it. What it cannot decide is in whose turn a
 * request arrives, and at which of its bytes the daemon is replaced: that is
 * the kernel's scheduling. The suite takes one seed each time; a soak whose
 * length was asked for takes another each time, and says which.
 *
 * @module
 */
import { Random } from "../bad_clients/malformed_requests.ts";

const asked = Deno.env.get("MULTIBINDER_SOAK");

/** In CI the whole minute, on a desk less. */
const USUAL_SECONDS = Deno.env.has("CI") ? 60 : 20;

/** How long it lasts, about, in s. */
export const SECONDS: number = asked === undefined
  ? USUAL_SECONDS
  : Number(asked);

/** A run is made of cycles of this length, in s. */
const CYCLE_SECONDS = 60;

/** Storms and a steady stretch each. */
export const CYCLES: number = Math.max(1, Math.round(SECONDS / CYCLE_SECONDS));

/** How long there are storms in a cycle, in s; the rest is the flood's. */
export const STORM_SECONDS: number = SECONDS / CYCLES / 2;

/** Requests of a flood of half a minute. */
const FLOOD = 100_000;

/** Requests of a flood, about. */
export const FLOOD_REQUESTS: number = FLOOD *
  Math.min(1, SECONDS / CYCLE_SECONDS);

/** Makes the same decisions again. */
export const SEED: number = Number(
  Deno.env.get("MULTIBINDER_SOAK_SEED") ??
    (asked === undefined ? 1 : crypto.getRandomValues(new Uint32Array(1))[0]!),
);

/** The first round; those before it are left out. */
export const FIRST_ROUND: number = Number(
  Deno.env.get("MULTIBINDER_SOAK_ROUND") ?? 0,
);

/** More than there are actors in a round. */
const STREAMS = 64;

/** The decisions of one actor in one round. */
export function decisionsOf(round: number, actor: number): Random {
  const stream = round * STREAMS + actor;
  return new Random(SEED + Math.imul(stream, 0x9e3779b1));
}

/** How to have a round again. */
export function repeating(round: number): string {
  return `MULTIBINDER_SOAK_SEED=${SEED} MULTIBINDER_SOAK_ROUND=${round}`;
}
