/**
 * Runs this Deno and returns its output, or throws its error output.
 * @module
 */

/** What `deno` printed on standard output; throws with its errors otherwise. */
export async function denoOutput(
  args: string[],
  options: { cwd: string; env?: Record<string, string>; signal?: AbortSignal },
): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: options.cwd,
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const { success, code, stdout, stderr } = await command.output();
  if (!success) {
    const said = new TextDecoder().decode(stderr).trim();
    throw new Error(
      `"deno ${args.join(" ")}" in ${options.cwd} failed with ${code}: ${said}`,
    );
  }
  return new TextDecoder().decode(stdout);
}
