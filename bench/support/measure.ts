/** Times, medians and percentiles. */

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/**
 * The smallest value that at least `share` (0 to 1) of the values do not exceed
 * (nearest rank: always a measured value).
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

/** The middle value; of an even number of values, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const low = percentile(values, 0.5);
  if (values.length % 2 === 1) return low;
  const sorted = values.toSorted((a, b) => a - b);
  return (low + (sorted[values.length / 2] ?? low)) / 2;
}
