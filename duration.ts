/**
 * Durations in command lines and messages.
 *
 * @module
 */
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  "": 1000,
  min: 60_000,
};

/** The longest time of a JavaScript timer, in ms. */
const LONGEST = 0x7fffffff;

/**
 * Parse a duration such as `2s`, `500ms`, `2min` or `1.5` (seconds).
 *
 * @returns milliseconds, or `undefined` when the text is not a duration.
 */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|min|)$/.exec(text);
  if (parts === null) return undefined;
  const duration = Number(parts[1]) * UNITS[parts[2]!]!;
  return duration > LONGEST ? undefined : duration;
}

/** Format a duration in ms: `250 ms`, `1.5 s`. */
export function formatDuration(duration: number): string {
  return duration < 1000 ? `${duration} ms` : `${duration / 1000} s`;
}
