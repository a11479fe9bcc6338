/**
 * Checks that a daemon does not leak memory.
 *
 * @module
 */
import { connect } from "../../../client.ts";
import type { Daemon } from "../daemon.ts";
import { residentMemory } from "../process_state.ts";

const MIB = 1024 * 1024;

/**
 * Allowed growth of the JavaScript heap and of the resident memory after a flood
 * of one minute. A leak of 100 bytes for each request would be 10 MiB. Without a
 * leak the heap differs by up to 0.5 MiB and the resident memory by up to 4 MiB.
 */
const HEAP_GROWTH = 4 * MIB;
const RESIDENT_GROWTH = 7 * MIB;

/** Number of requests after which the garbage has been collected. */
const QUESTIONS = 200;

/** Number of measurements of a daemon that has grown. */
const PATIENCE = 20;

/** Memory of a daemon, in bytes. */
export interface Memory {
  readonly heap: number;
  readonly resident: number;
}

/** The minimum of several measurements, which excludes garbage. */
export async function memoryOf(
  { sock, pid }: Pick<Daemon, "sock" | "pid">,
): Promise<Memory> {
  using session = await connect({ sock });
  let heap = Infinity;
  for (let count = 0; count < QUESTIONS; count++) {
    heap = Math.min(heap, (await session.status()).memory.heap_bytes);
  }
  return { heap, resident: await residentMemory(pid) * 1024 };
}

/**
 * Throws if a daemon has grown. It measures repeatedly, because garbage is
 * collected and a leak is not.
 */
export async function assertNotGrown(
  daemon: Pick<Daemon, "sock" | "pid">,
  before: Memory,
): Promise<Memory> {
  for (let turn = 1;; turn++) {
    const after = await memoryOf(daemon);
    const heap = after.heap - before.heap;
    const resident = after.resident - before.resident;
    if (heap < HEAP_GROWTH && resident < RESIDENT_GROWTH) return after;
    if (turn === PATIENCE) {
      throw new Error(
        `${heap} bytes of heap and ${resident} bytes resident more than before`,
      );
    }
  }
}
