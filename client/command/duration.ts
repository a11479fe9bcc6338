import { UsageError } from "./usage_error.ts";

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
 *
 * @throws {UsageError} for anything else.
 */
export function readDuration(option: string, text: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|min|)$/.exec(text);
  const duration = parts === null
    ? Infinity
    : Number(parts[1]) * UNITS[parts[2]!]!;
  if (duration > LONGEST) {
    throw new UsageError(
      `--${option} ${text} is no duration such as 500ms, 2s or 1min`,
    );
  }
  return duration;
}

/** A duration in ms as a person says it: `250 ms`, `1.5 s`. */
export function formatDuration(duration: number): string {
  return duration < 1000 ? `${duration} ms` : `${duration / 1000} s`;
}
