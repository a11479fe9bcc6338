/**
 * Every fault there is at the calls that a daemon was seen to make.
 *
 * @module
 */
import { FAILING, SAFE_AT } from "./libc_symbols.ts";
import type { Call, Fault } from "./plan.ts";

/** Each call failing once for each of its reasons. */
export function everyFault(calls: readonly Call[]): Fault[] {
  return calls.filter(({ symbol, site }) => !isSafe(symbol, site))
    .flatMap(({ symbol, site, image }) =>
      FAILING[symbol]!.reasons.map((outcome): Fault => ({
        symbol,
        site,
        image,
        outcome,
      }))
    );
}

function isSafe(symbol: string, site: string): boolean {
  const place = SAFE_AT[symbol];
  return place !== undefined && site.startsWith(place);
}

/** The fault in one line. */
export function describeFault({ symbol, outcome, site = "" }: Fault): string {
  return `${symbol} ${outcome} at ${site}`;
}

/** A fault that the daemon took otherwise than it should. */
export interface Complaint {
  fault: Fault;
  reason: unknown;
}

/**
 * Tries each fault, several at once, and fails with a list of all that went
 * wrong: one at a time would take as many runs as there are mistakes.
 */
export async function tryEach(
  faults: readonly Fault[],
  workers: number,
  attempt: (fault: Fault, worker: number) => Promise<void>,
): Promise<void> {
  const complaints: Complaint[] = [];
  const queue = faults.values();
  await Promise.all(Array.from({ length: workers }, async (_, worker) => {
    for (const fault of queue) {
      try {
        await attempt(fault, worker);
      } catch (reason) {
        complaints.push({ fault, reason });
      }
    }
  }));
  if (complaints.length === 0) return;
  const lines = complaints.map(({ fault, reason }) =>
    `${describeFault(fault)}:\n    ${
      String(reason instanceof Error ? reason.message : reason)
        .replaceAll("\n", "\n    ")
    }`
  );
  throw new Error(
    `${complaints.length} of ${faults.length} faults:\n${lines.join("\n")}`,
  );
}
