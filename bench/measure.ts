/**
 * What is made of repeated measurements: the figures that a table shows.
 *
 * @module
 */

/**
 * The smallest value that at least `share` (0 to 1) of the values do not exceed
 * (nearest rank: always a value that was measured).
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError("no value was measured");
  return value;
}

/** The middle value; of an even number of values, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const low = percentile(values, 0.5);
  if (values.length % 2 === 1) return low;
  const sorted = values.toSorted((a, b) => a - b);
  return (low + (sorted[values.length / 2] ?? low)) / 2;
}

/** The sum of the values, 0 for none. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
