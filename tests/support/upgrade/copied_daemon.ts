/**
 * A daemon that runs from a copy of its source, which a test may break and
 * repair: the new version that SIGUSR1 finds.
 *
 * @module
 */
import configuration from "../../../server.deno.json" with { type: "json" };
import { MINIMAL_FLAGS, RunningDaemon } from "../daemon.ts";
import { eventually } from "../eventually.ts";
import { Program } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";
import { VERSION } from "../../../version.ts";

/** All that the daemon is made of. */
const SOURCES = [
  ...configuration.publish.include.filter((path) => /(\/|\.ts)$/.test(path)),
  "imports.json",
  "deno.json",
];

/** The source of a daemon in a folder of its own. */
export class SourceCopy {
  private constructor(
    /** The folder. */
    readonly folder: string,
    readonly sources: readonly string[],
  ) {}

  /** Copies the source of this tree, with more than the daemon, into a new folder. */
  static async make(
    folder: string,
    more: readonly string[] = [],
  ): Promise<SourceCopy> {
    await Deno.mkdir(folder);
    const copy = new SourceCopy(folder, [...SOURCES, ...more]);
    await copy.repair();
    return copy;
  }

  /** Undoes every change. */
  async repair(): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
    await Deno.mkdir(this.folder);
    for (const name of this.sources) {
      await copyInto(treePath(name), `${this.folder}/${name}`);
    }
  }

  /** Replaces `from`, which has to be there, in one file. */
  async edit(name: string, from: string, to: string): Promise<void> {
    const path = `${this.folder}/${name}`;
    const text = await Deno.readTextFile(path);
    if (!text.includes(from)) throw new Error(`no ${from} in ${name}`);
    await Deno.writeTextFile(path, text.replace(from, () => to));
  }

  /** Gives it another version. */
  async setVersion(version: string): Promise<void> {
    await this.edit(
      "version.ts",
      `VERSION = "${VERSION}"`,
      `VERSION = "${version}"`,
    );
  }

  /** Replaces the file that is run. */
  async write(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/server.ts`, text);
  }

  /** Puts text before the first line of the file that is run. */
  async prepend(text: string): Promise<void> {
    const server = await Deno.readTextFile(treePath("server.ts"));
    await this.write(`${text}\n${server}`);
  }
}

async function copyInto(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await copyInto(`${from}/${name}`, `${to}/${name}`);
  }
}

/** A hard link where that is possible: the binary is large. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch {
    await Deno.copyFile(from, to);
  }
}

/** Options of {@linkcode CopiedDaemon.start}. */
export interface CopiedDaemonOptions {
  /** A program to start it with, such as `prlimit ...`. Default: none. */
  under?: readonly string[];
  /** Where the control socket is put. Default: in the scratch folder. */
  sock?: string;
  /** Options of the daemon's command line. Default: none. */
  args?: readonly string[];
  /** Changes the source before the start. Default: nothing. */
  change?: (source: SourceCopy) => Promise<void>;
}

/** A daemon that runs from a copy of its source, with a Deno of its own. */
export class CopiedDaemon extends RunningDaemon {
  private constructor(
    scratch: Scratch,
    program: Program,
    sock: string,
    /** What it was started from. */
    readonly source: SourceCopy,
    /** The binary that runs it. */
    readonly deno: string,
  ) {
    super(scratch, program, sock);
  }

  /** Starts one and waits until it says that it listens. */
  static async start(
    options: CopiedDaemonOptions = {},
  ): Promise<CopiedDaemon> {
    const { under = [], args = [], change } = options;
    const scratch = await Scratch.make();
    const source = await SourceCopy.make(scratch.join("source"));
    await change?.(source);
    const deno = scratch.join("deno");
    await linkOrCopy(await Deno.realPath(Deno.execPath()), deno);
    const sock = options.sock ?? scratch.join("control.sock");
    const command = [
      ...under,
      deno,
      "run",
      ...MINIMAL_FLAGS,
      `${source.folder}/server.ts`,
      ...args,
      sock,
    ];
    const program = Program.start(command[0]!, { args: command.slice(1) });
    const daemon = new CopiedDaemon(scratch, program, sock, source, deno);
    await daemon.untilListening();
    return daemon;
  }

  /** Asks for an upgrade that fails: the line of the log that says why. */
  async failingUpgrade(): Promise<string> {
    this.program.signal("SIGUSR1");
    return await this.program.errors.next("upgrade abandoned");
  }

  /** Waits until it has as many children as that, with the zombies. */
  async hasChildren(count: number): Promise<number[]> {
    let children: number[] = [];
    await eventually(
      () => `${count} children of ${this.pid}, not ${children.length}`,
      async () => (children = await childrenOf(this.pid)).length === count,
    );
    return children;
  }
}

/** The processes that a process has started (proc_pid_stat(5)). */
async function childrenOf(parent: number): Promise<number[]> {
  return await processesWith(async (pid) => {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[1]) === parent;
  });
}

/** The processes that run a binary. */
export async function processesOf(binary: string): Promise<number[]> {
  return await processesWith(async (pid) =>
    await Deno.readLink(`/proc/${pid}/exe`) === binary
  );
}

async function processesWith(
  property: (pid: number) => Promise<boolean>,
): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (await property(Number(name))) found.push(Number(name));
    } catch {
      // It has ended since.
    }
  }
  return found;
}
