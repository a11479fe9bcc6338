import type { ProgramUsage } from "../../completions/grammar.ts";
import { SHELLS } from "../../completions/shells.ts";
import type { Command } from "./command.ts";
import { readOptions } from "./options/options.ts";
import { UsageError } from "../../given_options.ts";
import { printLines } from "../../ffi/files/standard_streams.ts";

const USAGE = `Usage: multibinder-client completions [options] bash|zsh|fish

Prints a script that teaches a shell to complete the command lines of this
program.

  -h, --help           print this text
  -V, --version        print the version

For bash: source <(multibinder-client completions bash)
For zsh: source <(multibinder-client completions zsh)
For fish: multibinder-client completions fish | source

Exit status: 0 done, 2 invalid command line.`;

/** The command `completions`, for the commands of `usageOf`. */
export function completionsCommand(
  usageOf: () => Promise<ProgramUsage>,
): Command {
  return {
    name: "completions",
    usage: USAGE,
    parse: (args) => {
      const { operands, show } = readOptions(args);
      if (show !== undefined) return { show };
      const [name, more] = operands;
      const shell = SHELLS.find((each) => each === name);
      if (shell === undefined || more !== undefined) {
        const what = name === undefined
          ? "the shell is missing"
          : `invalid shell ${operands.join(" ")}`;
        throw new UsageError(`${what}: expected one of ${SHELLS.join(", ")}`);
      }
      return {
        run: async () => {
          const { completionScript } = await import(
            "../../completions/completions.ts"
          );
          printLines(completionScript(shell, await usageOf()).trimEnd());
          return 0;
        },
      };
    },
  };
}
