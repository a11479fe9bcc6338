/**
 * Programs in other languages at the other end of the control socket.
 *
 * @module
 */
import { Program } from "./program.ts";
import { treePath } from "./tree.ts";

/** Whether a program is installed. */
async function isInstalled(command: string): Promise<boolean> {
  try {
    await new Deno.Command(command, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).output();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * For the option `ignore` of a test: true, and a line that says so, when a
 * program it needs is missing. Where MULTIBINDER_TESTS_REQUIRE_ALL is set, as
 * in CI, that is an error.
 */
export async function lacks(...commands: string[]): Promise<boolean> {
  let missing = false;
  for (const command of commands) {
    if (await isInstalled(command)) continue;
    const what = `${command} is not installed`;
    if (Deno.env.has("MULTIBINDER_TESTS_REQUIRE_ALL")) throw new Error(what);
    console.log(`skipped: ${what}`);
    missing = true;
  }
  return missing;
}

/** A foreign client's output, one JSON value a line, and its exit code. */
export interface ForeignResult {
  code: number;
  answers: Record<string, unknown>[];
}

/** Runs `tests/support/programs/NAME` to its end; Ruby or Python by its suffix. */
export async function runForeign(
  name: string,
  ...args: string[]
): Promise<ForeignResult> {
  await using program = startForeign(name, ...args);
  const { code, output } = await program.end();
  const lines = output.split("\n").filter((line) => line !== "");
  return { code, answers: lines.map((line) => JSON.parse(line)) };
}

/** Starts `tests/support/programs/NAME`. */
export function startForeign(name: string, ...args: string[]): Program {
  const interpreter = name.endsWith(".rb") ? "ruby" : "python3";
  return Program.start(interpreter, {
    args: [treePath(`tests/support/programs/${name}`), ...args],
  });
}
