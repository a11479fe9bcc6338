/**
 * Completions as bash, zsh and fish offer them.
 *
 * @module
 */
import { type Shell, SHELLS } from "../../../completions/shells.ts";
import { MINIMAL_FLAGS } from "../daemon.ts";
import { lacks } from "../foreign_program.ts";
import { Program } from "../program.ts";
import { Scratch, treePath } from "../tree.ts";

/** How each program prints its completions. */
export const PROGRAMS = {
  "multibinder-client": ["client.ts", "completions"],
  "multibinder-server": ["server.ts", "--completions"],
  "multibinder-haproxy": ["haproxy/mod.ts", "--completions"],
  multibinder: ["multibinder.ts", "completions"],
} as const;

/** The name of a program. */
export type ProgramName = keyof typeof PROGRAMS;

const NO_CONFIGURATION: Readonly<Record<Shell, string>> = {
  bash: "--norc",
  zsh: "-f",
  fish: "--no-config",
};

/** For the option `ignore` of a test. */
export const lacksShells: boolean = await lacks(...SHELLS);

async function outputOf(
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<string> {
  await using program = Program.start(command, {
    args: [...args],
    ...(cwd !== undefined && { cwd }),
    // zsh's line editor wants to know the terminal.
    env: { TERM: "dumb" },
  });
  const { code, output, errors } = await program.end();
  if (code !== 0 || errors !== "") {
    throw new Error(`${command} ended with ${code}: ${errors}`);
  }
  return output;
}

/** What a program of this tree prints. */
export async function printed(
  name: ProgramName,
  args: readonly string[],
): Promise<string> {
  const [file] = PROGRAMS[name];
  return await outputOf(
    Deno.execPath(),
    ["run", ...MINIMAL_FLAGS, treePath(file), ...args],
  );
}

/** A directory with the scripts of all programs, and an empty one for files. */
export class Completions implements AsyncDisposable {
  private constructor(readonly scratch: Scratch) {}

  /** Has every program print its script for a shell. */
  static async make(shell: Shell): Promise<Completions> {
    const scratch = await Scratch.make();
    await Deno.mkdir(scratch.join("files"));
    for (const name of Object.keys(PROGRAMS) as ProgramName[]) {
      const [, how] = PROGRAMS[name];
      const script = await printed(name, [how, shell]);
      await Deno.writeTextFile(scratch.join(`${name}.${shell}`), script);
    }
    return new Completions(scratch);
  }

  /** The script of a program. */
  script(name: string, shell: Shell): string {
    return this.scratch.join(`${name}.${shell}`);
  }

  /** The candidates at the end of each line of a program, sorted. */
  async #candidatesOf(
    shell: Shell,
    name: string,
    lines: readonly string[],
  ): Promise<string[][]> {
    const suffix = shell === "bash" ? "sh" : shell;
    const helper = treePath(`tests/support/completions/${shell}.${suffix}`);
    const output = await outputOf(
      shell,
      [NO_CONFIGURATION[shell], helper, this.script(name, shell), ...lines],
      this.scratch.join("files"),
    );
    const blocks = output.split("end of line");
    return lines.map((_, at) => {
      const words = blocks[at]!.split("\n").map((row) =>
        row.split("\t")[0]!.replace(/^--[\w-]+=/, "").trim()
      );
      return [...new Set(words.filter((word) => word !== ""))].sort();
    });
  }

  /** The candidates at the end of each line, sorted, by line. */
  async candidates(
    shell: Shell,
    lines: readonly string[],
  ): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    const programs = Map.groupBy(lines, (line) => line.split(" ")[0]!);
    for (const [name, its] of programs) {
      const candidates = await this.#candidatesOf(shell, name, its);
      its.forEach((line, at) => found.set(line, candidates[at]!));
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scratch[Symbol.asyncDispose]();
  }
}
