import { assertEquals } from "@std/assert";
import { daemonCommand, type DaemonOptions } from "../daemon.ts";
import { Program } from "../program.ts";

/** How a daemon ended that failed to start. */
export async function startDaemon(sock: string, options: DaemonOptions = {}) {
  const command = [...options.under ?? [], ...daemonCommand(sock, options)];
  await using program = Program.start(command[0]!, {
    args: command.slice(1),
    ...(options.env && { env: options.env }),
  });
  return await program.end();
}

/** Asserts exit code 1 and one line on standard error. Returns the line. */
export async function assertRefused(
  sock: string,
  options: DaemonOptions = {},
): Promise<string> {
  const { code, output, errors } = await startDaemon(sock, options);
  const lines = errors.split("\n").filter((line) => line !== "");
  assertEquals({ code, output, lines: lines.length, errors }, {
    code: 1,
    output: "",
    lines: 1,
    errors,
  });
  return lines[0]!;
}
