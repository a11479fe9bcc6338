/**
 * The possible faults of the traced calls of a daemon.
 *
 * @module
 */
import { EXCEPTIONS, FAILING, type Reason } from "./libc_symbols.ts";
import type { Call, Fault } from "./plan.ts";

/** The errors with which a call may fail at its place. */
function reasonsOf({ symbol, site }: Call): readonly Reason[] {
  const exception = EXCEPTIONS.find((each) =>
    each.symbol === symbol && site.startsWith(`${each.file}:`)
  );
  return exception?.reasons ?? FAILING[symbol]!.reasons;
}

/** A fault for each call and each of its errors. */
export function everyFault(calls: readonly Call[]): Fault[] {
  return calls.flatMap((call) => {
    const { symbol, site, image } = call;
    return reasonsOf(call).map((outcome) => ({ symbol, site, image, outcome }));
  });
}

/** The fault in one line. */
export function describeFault({ symbol, outcome, site = "" }: Fault): string {
  return `${symbol} ${outcome} at ${site}`;
}

/** A fault that the daemon handled incorrectly. */
export interface Complaint {
  fault: Fault;
  reason: unknown;
}

/**
 * Runs each fault, several concurrently, and throws one error that lists all that
 * were handled incorrectly.
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
