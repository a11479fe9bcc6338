import { parseDuration } from "../../../duration.ts";
import { UsageError } from "../../../given_options.ts";

/**
 * Reads the value of an option as a duration in ms. `text` may be a part of `value`.
 *
 * @throws {UsageError} if the duration is invalid.
 */
export function readDuration(
  option: string,
  text: string,
  value = text,
): number {
  const duration = parseDuration(text);
  if (duration !== undefined) return duration;
  throw new UsageError(
    `invalid --${option} ${value}: expected a duration such as 500ms, 2s or 1m`,
  );
}

/**
 * Reads the value of an option as a duration in ms that is not 0.
 *
 * @throws {UsageError} if the duration is invalid.
 */
export function readPositiveDuration(option: string, text: string): number {
  const duration = readDuration(option, text);
  if (duration > 0) return duration;
  throw new UsageError(
    `invalid --${option} ${text}: expected a duration above 0`,
  );
}

const AGES: readonly [unit: string, duration: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

/**
 * Formats a duration in ms in its largest unit, such as `40s`, `3m` or `2d`, or
 * in its two largest, such as `2d 5h`.
 */
export function formatAge(duration: number, units: 1 | 2 = 1): string {
  let rest = Math.max(duration, 0);
  const first = AGES.findIndex(([, each]) => rest >= each);
  if (first === -1) return "0s";
  const parts: string[] = [];
  for (const [unit, each] of AGES.slice(first, first + units)) {
    const count = Math.floor(rest / each);
    rest -= count * each;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.join(" ");
}
