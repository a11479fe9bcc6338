/**
 * `deno task manual PREFIX` writes the manual pages and the completions below
 * PREFIX, such as /usr/local/share. SOURCE_DATE_EPOCH sets their date.
 *
 * @module
 */
import { dirname } from "@std/path";
import { programUsage } from "../../client/command_line.ts";
import { completionScript } from "../../completions/completions.ts";
import type { ProgramUsage } from "../../completions/grammar.ts";
import { type Shell, SHELLS } from "../../completions/shells.ts";
import * as haproxy from "../../haproxy/command_line.ts";
import { usageOf } from "../../server/options.ts";
import { VERSION } from "../../version.ts";
import { markdownSections } from "./markdown.ts";
import { programSections } from "./program_page.ts";
import { escaped, page, section } from "./roff.ts";

const SERVER = "multibinder-server";

/** The help of each program. */
async function programs(): Promise<ProgramUsage[]> {
  return [
    { name: SERVER, usage: usageOf(SERVER), commands: {} },
    await programUsage(),
    { name: haproxy.NAME, usage: haproxy.USAGE, commands: {} },
  ];
}

/** Names and sections of the pages of programs. */
const PAGES: Readonly<Record<string, { name: string; number: number }>> = {
  [SERVER]: { name: "multibinder", number: 8 },
  "multibinder-client": { name: "multibinder-client", number: 1 },
  [haproxy.NAME]: { name: haproxy.NAME, number: 1 },
};
const POLICY = { name: "multibinder-policy", number: 5 };

const ALL = [...Object.values(PAGES), POLICY];

function others(name: string): string[] {
  return ALL.filter((each) => each.name !== name)
    .map((each) => `${each.name}(${each.number})`);
}

function date(): string {
  const epoch = Deno.env.get("SOURCE_DATE_EPOCH");
  const time = epoch === undefined ? Date.now() : Number(epoch) * 1000;
  return new Date(time).toISOString().slice(0, 10);
}

/** Where a shell looks for the completions of a program. */
const PLACES: Readonly<Record<Shell, (name: string) => string>> = {
  bash: (name) => `bash-completion/completions/${name}`,
  zsh: (name) => `zsh/site-functions/_${name}`,
  fish: (name) => `fish/vendor_completions.d/${name}.fish`,
};

/** The files, by their path below PREFIX. */
async function files(): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  const add = (
    { name, number }: { name: string; number: number },
    sections: readonly string[],
  ) => {
    const header = { name, number, date: date(), version: VERSION };
    made.set(`man/man${number}/${name}.${number}`, page(header, sections));
  };
  for (const program of await programs()) {
    const { name, number } = PAGES[program.name]!;
    add({ name, number }, programSections(name, program, others(name)));
    for (const shell of SHELLS) {
      made.set(
        PLACES[shell](program.name),
        completionScript(shell, program),
      );
    }
  }
  const policy = `${import.meta.dirname}/../../docs/policy.md`;
  add(POLICY, [
    section(
      "name",
      `${escaped(POLICY.name)} \\- which client of multibinder may do what`,
    ),
    ...markdownSections(await Deno.readTextFile(policy)),
    section("see also", others(POLICY.name).map(escaped).join(", ")),
  ]);
  return made;
}

const [prefix, more] = Deno.args;
if (prefix === undefined || more !== undefined) {
  console.error("usage: deno task manual PREFIX, such as /usr/local/share");
  Deno.exit(2);
}
for (const [path, text] of await files()) {
  await Deno.mkdir(dirname(`${prefix}/${path}`), { recursive: true });
  await Deno.writeTextFile(`${prefix}/${path}`, text);
  console.log(`${prefix}/${path}`);
}
