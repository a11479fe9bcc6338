/**
 * One client of s6-fdholderd (Debian's s6) beside one of ours: to retrieve a
 * descriptor that is held, over libs6's own client functions, is what a bind of
 * a held socket is here. Left out where s6 or its library is not installed.
 *
 * @module
 */
import { runLoad } from "../load.ts";
import { median } from "../measure.ts";
import { compile, RunningServer } from "../programs.ts";
import { serverPrograms } from "../servers.ts";
import { type Context, interleaved } from "./context.ts";
import type { Row } from "./row.ts";

const DAEMON = "/usr/bin/s6-fdholder-daemon";
const LIBRARY = ["s6", "skarnet"];

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** What a user may store and retrieve: everything (s6-fdholderd's rulesdir). */
async function writeRules(folder: string): Promise<string> {
  const rules = `${folder}/rules`;
  const ours = `${rules}/uid/${Deno.uid()}`;
  await Deno.mkdir(`${ours}/env`, { recursive: true });
  await Deno.writeTextFile(`${ours}/allow`, "");
  for (const what of ["STORE", "RETRIEVE"]) {
    await Deno.writeTextFile(`${ours}/env/S6_FDHOLDER_${what}_REGEX`, ".*");
  }
  return rules;
}

/** s6-fdholderd, which writes a newline when it is ready (`-1`). */
class Fdholder implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  static async start(socket: string, folder: string): Promise<Fdholder> {
    const child = new Deno.Command(DAEMON, {
      args: ["-1", "-t", "0", "-i", await writeRules(folder), socket],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Error(`${DAEMON} ended before it was ready`);
    return new Fdholder(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.stdout.cancel();
    await this.#child.status;
  }
}

async function retrievals(
  program: string,
  socket: string,
  seconds: number,
  persistent: boolean,
): Promise<number> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [socket, `${seconds}`, ...(persistent ? ["persistent"] : [])],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const report: { retrievals_per_second: number } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return report.retrievals_per_second;
}

/** Retrievals per second, one client. */
export async function fdholder(context: Context): Promise<Row[]> {
  if (!await isThere(DAEMON)) return [];
  const { folder, seconds, signal } = context;
  const program = await compile("fdholder_load", folder, LIBRARY)
    .catch(() => undefined);
  if (program === undefined) return [];
  const load = await compile("load", folder);
  await using _holder = await Fdholder.start(`${folder}/s6.sock`, folder);
  const [daemon] = await serverPrograms(["daemon"], folder);
  await using ours = await RunningServer.start(
    daemon!,
    `${folder}/beside_s6.sock`,
  );
  const cases = [false, true].map((persistent) => ({
    persistent,
    ours: [] as number[],
    theirs: [] as number[],
  }));
  await interleaved(context, cases, async (each, round) => {
    const { persistent } = each;
    const taken = [
      await retrievals(program, `${folder}/s6.sock`, seconds, persistent),
      (await runLoad(
        load,
        ours.socket,
        { clients: 1, persistent },
        seconds,
        signal,
      )).binds_per_second,
    ] as const;
    // The first round is the warm-up of both.
    if (round === 0) return;
    each.theirs.push(taken[0]);
    each.ours.push(taken[1]);
  });
  return cases.map(({ persistent, ours, theirs }): Row => ({
    group: "binds per second",
    name: `1 client${persistent ? ", persistent" : ""}, beside s6-fdholderd`,
    value: median(ours),
    unit: "binds/s",
    beside: { name: "retrievals, s6", value: median(theirs) },
    ratio: median(ours.map((each, index) => each / theirs[index]!)),
    better: "higher",
  }));
}
