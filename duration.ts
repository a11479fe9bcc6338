/**
 * Durations as command lines take them and as people read them.
 *
 * @module
 */
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  "": 1000,
  min: 60_000,
};

/** The longest that a timer takes, in ms. */
const LONGEST = 0x7fffffff;

/**
 * Milliseconds of `2s`, `500ms`, `1.5`, `2min`; a bare number is seconds.
 * `undefined` for anything else.
 */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|min|)$/.exec(text);
  if (parts === null) return undefined;
  const duration = Number(parts[1]) * UNITS[parts[2]!]!;
  return duration > LONGEST ? undefined : duration;
}

/** A duration in ms as a person says it: `250 ms`, `1.5 s`. */
export function formatDuration(duration: number): string {
  return duration < 1000 ? `${duration} ms` : `${duration / 1000} s`;
}
