import { assertEquals } from "@std/assert";
import { type Option, programOf } from "../../completions/grammar.ts";
import {
  printed,
  type ProgramName,
  PROGRAMS,
} from "../support/completions/shells.ts";

/** An option as a command line has it. */
function written({ name, value }: Option): string {
  return value === undefined ? `--${name}` : `--${name}=1`;
}

/** The help of a command, asked for with all its options. */
async function helpWith(
  program: ProgramName,
  command: readonly string[],
  options: readonly Option[],
): Promise<string> {
  const others = options.filter(({ name }) => name !== "version");
  return await printed(program, [...command, ...others.map(written), "--help"]);
}

for (const program of Object.keys(PROGRAMS) as ProgramName[]) {
  Deno.test(`${program}: the parser of the command line knows every option in --help`, async () => {
    const usage = await printed(program, ["--help"]);
    const { options, commands } = programOf({
      name: program,
      usage,
      commands: {},
    });
    assertEquals(await helpWith(program, [], options), usage);
    for (const { name } of commands) {
      if (name === "help") continue;
      const help = await printed(program, [name, "--help"]);
      const described = programOf({ name, usage: help, commands: {} }).options;
      assertEquals(await helpWith(program, [name], described), help);
    }
  });
}
