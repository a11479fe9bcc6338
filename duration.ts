/**
 * Parses and formats durations.
 *
 * @module
 */
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  "": 1000,
  m: 60_000,
  min: 60_000,
};

/** The longest duration of a timer, in ms. */
const LONGEST = 0x7fffffff;

/**
 * Parse `2s`, `500ms`, `1.5`, `2m` or `2min` to milliseconds; a bare
 * number is seconds. `undefined` for an invalid duration.
 */
export function parseDuration(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|min|)$/.exec(text);
  if (parts === null) return undefined;
  const duration = Number(parts[1]) * UNITS[parts[2]!]!;
  return duration > LONGEST ? undefined : duration;
}

/** Format a duration in ms: `250 ms`, `1.5 s`, `30 min`. */
export function formatDuration(duration: number): string {
  if (duration >= 120_000 && duration % 60_000 === 0) {
    return `${duration / 60_000} min`;
  }
  return duration < 1000 ? `${duration} ms` : `${duration / 1000} s`;
}
