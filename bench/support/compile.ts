import { treePath } from "./tree_path.ts";

/** The compiler rejected a program. */
export class CompileError extends Error {}

/**
 * Compiles `bench/c/NAME.c` into `folder` and returns the path of the program.
 *
 * @throws {CompileError} with the messages of cc, if it fails.
 * @throws {Error} if cc is not installed.
 */
export async function compile(
  name: string,
  folder: string,
  libraries: readonly string[] = [],
): Promise<string> {
  const program = `${folder}/${name}`;
  const source = treePath(`bench/c/${name}.c`);
  const { success, stderr } = await new Deno.Command("cc", {
    args: [
      ...["-O2", "-Wall", "-Wextra", "-pthread", "-o", program, source],
      ...libraries.map((library) => `-l${library}`),
    ],
    stdout: "null",
    stderr: "piped",
  }).output().catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Error("cc is not installed: install a C compiler", { cause });
  });
  if (!success) {
    const messages = new TextDecoder().decode(stderr).trim();
    throw new CompileError(`cc ${source}: ${messages}`);
  }
  return program;
}
