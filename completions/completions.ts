/**
 * Completion scripts for shells, made from help texts.
 *
 * @module
 */
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { programOf, type ProgramUsage } from "./grammar.ts";
import type { Shell } from "./shells.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** The script that teaches a shell to complete the command lines of a program. */
export function completionScript(shell: Shell, usage: ProgramUsage): string {
  return SCRIPTS[shell](programOf(usage));
}
