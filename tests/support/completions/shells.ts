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

  /** The candidates at the end of a line, sorted. */
  async candidates(shell: Shell, line: string): Promise<string[]> {
    const script = this.script(line.split(" ")[0]!, shell);
    const helper = treePath(
      `tests/support/completions/${shell}.${shell === "bash" ? "sh" : shell}`,
    );
    const args = shell === "zsh" ? ["-f", helper] : [
      shell === "bash" ? "--norc" : "--no-config",
      helper,
    ];
    const output = await outputOf(
      shell,
      [...args, script, line],
      this.scratch.join("files"),
    );
    const words = output.split("\n")
      .map((row) => row.split("\t")[0]!.replace(/^--[\w-]+=/, "").trim());
    return [...new Set(words.filter((word) => word !== ""))].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scratch[Symbol.asyncDispose]();
  }
}
