import { bind, connect, type Session } from "../../client.ts";
import { timed } from "./measure.ts";
import type { RunningServer } from "./running_server.ts";

/** The longest bind of a client during one re-exec, in ms. */
export async function reexecGap({ pid, socket }: RunningServer) {
  using session = await connect({ sock: socket });
  const { generation } = await session.status();
  let isOver = false;
  Deno.kill(pid, "SIGUSR1");
  const over = waitForGeneration(session, generation + 1)
    .finally(() => isOver = true);
  let longest = 0;
  while (!isOver) {
    const took = await timed(async () => {
      (await bind("127.1.0.1", 0, { sock: socket })).close();
    });
    longest = Math.max(longest, took);
  }
  await over;
  return longest;
}

async function waitForGeneration(
  session: Session,
  generation: number,
): Promise<void> {
  while ((await session.status()).generation < generation) {
    // Rarely: a status counts every descriptor, and binds wait for it.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
