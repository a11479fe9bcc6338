/**
 * Whether a daemon keeps something of what it has served.
 *
 * @module
 */
import { connect } from "../../../client.ts";
import type { Daemon } from "../daemon.ts";
import { residentMemory } from "../process_state.ts";

const MIB = 1024 * 1024;

/**
 * How much larger the heap of JavaScript may be, and all that is resident,
 * after the flood of a minute: 100 bytes for each of its requests would be
 * 10 MiB. Without a leak the one was seen to differ by half a MiB and the
 * other by 4.
 */
const HEAP_GROWTH = 4 * MIB;
const RESIDENT_GROWTH = 7 * MIB;

/** Questions after which garbage of JavaScript has been collected once. */
const QUESTIONS = 200;

/** Times that a daemon that has grown is looked at again. */
const PATIENCE = 20;

/** What a daemon has in use, in bytes. */
export interface Memory {
  readonly heap: number;
  readonly resident: number;
}

/** The least that it was seen with: garbage comes and goes. */
export async function memoryOf(
  { sock, pid }: Pick<Daemon, "sock" | "pid">,
): Promise<Memory> {
  using session = await connect({ sock });
  let heap = Infinity;
  for (let count = 0; count < QUESTIONS; count++) {
    heap = Math.min(heap, (await session.status()).memory.heap);
  }
  return { heap, resident: await residentMemory(pid) * 1024 };
}

/**
 * Fails where a daemon has grown. A leak is there however often one looks;
 * garbage is not.
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
