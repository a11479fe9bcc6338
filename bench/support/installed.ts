/** Whether a program of this name is in PATH. */
export async function isInstalled(program: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", 'command -v "$0"', program],
    stdout: "null",
  }).output();
  return success;
}
