/** s6-fdholderd of s6 (skarnet.org), which also holds descriptors for others. */

/** A running s6-fdholderd. Disposing of it ends it. */
export class S6Fdholderd implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Starts it at `socket`, with its rules in `folder`. */
  static async start(socket: string, folder: string): Promise<S6Fdholderd> {
    const rules = await writeRules(folder);
    const child = new Deno.Command("s6-fdholder-daemon", {
      // -1: it writes a newline when it is ready.
      args: ["-1", "-t", "0", "-i", rules, socket],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Error("s6-fdholder-daemon ended before it was ready");
    return new S6Fdholderd(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.stdout.cancel();
    await this.#child.status;
  }
}

/** A rules directory that lets this user store and retrieve everything. */
async function writeRules(folder: string): Promise<string> {
  const rules = `${folder}/rules`;
  const ours = `${rules}/uid/${Deno.uid()}`;
  await Deno.mkdir(`${ours}/env`, { recursive: true });
  await Deno.writeTextFile(`${ours}/allow`, "");
  for (const action of ["STORE", "RETRIEVE"]) {
    await Deno.writeTextFile(`${ours}/env/S6_FDHOLDER_${action}_REGEX`, ".*");
  }
  return rules;
}

/**
 * Retrievals per second of one client, with a connection for each.
 *
 * @param program the compiled bench/c/s6_fdholder_load.c.
 */
export async function retrievalsPerSecond(
  program: string,
  socket: string,
  seconds: number,
): Promise<number> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [socket, `${seconds}`],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  return JSON.parse(new TextDecoder().decode(stdout)).retrievals_per_second;
}
