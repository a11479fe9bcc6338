/**
 * Resident memory of the supervisor, which is the process of `run`, by the number
 * of workers.
 *
 * @module
 */
import { measureEmptyScript } from "../sections/memory.ts";
import { compare } from "../report/row.ts";
import { formatNumber } from "../report/text_table.ts";
import { wait } from "../support/http_clients.ts";
import { residentBytes } from "../support/running_server.ts";
import { type Context, figures, type Table } from "./part.ts";
import { RunProcess } from "./run_process.ts";

const COUNTS = [1, 2, 4, 8];

const MIB = 1024 * 1024;

/** How long Deno takes to finish its start, in ms. */
const SETTLE_TIME = 1_000;

/** Resident bytes in one round, of an empty script and by number of workers. */
interface Sample {
  script: number;
  supervisors: readonly number[];
}

/** Measures it. */
export async function memory(
  { folder, rounds, signal, sock }: Context,
): Promise<Table> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    const [script, ...supervisors] = await Promise.all([
      measureEmptyScript(folder),
      ...COUNTS.map((workers) => measureSupervisor(workers, sock)),
    ]);
    samples.push({ script, supervisors });
  }
  return {
    columns: [
      ...["workers", "supervisor MiB", "empty script MiB"].map(figures),
      figures("ratio"),
    ],
    rows: COUNTS.map((workers, index) => {
      const { value, comparedWith, ratio } = compare(
        samples,
        ({ supervisors }) => supervisors[index]!,
        ({ script }) => script,
        "empty script",
      );
      return [
        formatNumber(workers),
        formatNumber(value / MIB, 1),
        formatNumber(comparedWith.value / MIB, 1),
        formatNumber(ratio, 2),
      ];
    }),
  };
}

/** The workers need little memory themselves. `run` waits for their messages. */
async function measureSupervisor(
  workers: number,
  sock: string,
): Promise<number> {
  await using run = await RunProcess.start({
    sock,
    workers,
    host: `127.0.4.${workers}`,
    command: ["sleep", "3600"],
    ready: "auto:200ms",
  });
  await wait(SETTLE_TIME);
  return await residentBytes(run.pid);
}
