/** How long and how often to measure. */
export interface Rounds {
  /** Number of rounds. */
  rounds: number;
  /** Aborted when the benchmark is to end early. */
  signal: AbortSignal;
}

/**
 * Measures every case once a round and returns the samples of each round. Each
 * round has another order, so that other work on the machine affects all cases.
 * An additional first round warms up the programs and is not returned.
 */
export async function measureRounds<Name extends string, Sample>(
  { rounds, signal }: Rounds,
  cases: Readonly<Record<Name, () => Promise<Sample>>>,
): Promise<Record<Name, Sample>[]> {
  const names = Object.keys(cases) as Name[];
  const measured: Record<Name, Sample>[] = [];
  for (let round = 0; round <= rounds; round++) {
    const first = round % names.length;
    const samples: Partial<Record<Name, Sample>> = {};
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      signal.throwIfAborted();
      samples[name] = await cases[name]();
    }
    if (round > 0) measured.push(samples as Record<Name, Sample>);
  }
  return measured;
}
