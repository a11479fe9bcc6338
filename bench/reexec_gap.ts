/**
 * The gap of a re-exec, as a client sees it, and the start of an empty script,
 * as what nothing on Deno can be faster than.
 *
 * @module
 */
import { bind, connect, type Session } from "../client.ts";
import type { RunningServer } from "./programs.ts";
import { timed } from "./timed.ts";

/** The longest wait of a client around one re-exec, in ms. */
export async function reexecGap(server: RunningServer): Promise<number> {
  const sock = server.socket;
  using session = await connect({ sock });
  const { generation } = await session.status();
  let longest = 0;
  Deno.kill(server.pid, "SIGUSR1");
  const ended = waitForGeneration(session, generation + 1);
  let over = false;
  ended.then(() => over = true);
  while (!over) {
    const wait = await timed(async () => {
      (await bind("127.1.0.1", 0, { sock })).close();
    });
    longest = Math.max(longest, wait);
  }
  await ended;
  return longest;
}

// The session crosses the exec with its unanswered request.
async function waitForGeneration(
  session: Session,
  generation: number,
): Promise<void> {
  while ((await session.status()).generation < generation) {
    // Seldom: a status counts every descriptor, and binds wait meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Runs a script that has to end well. */
export async function runScript(path: string): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", path],
  }).output();
  if (!success) throw new Error(`${path} failed`);
}
