import { assert, assertEquals } from "@std/assert";
import { type Grammar, programOf } from "../../completions/grammar.ts";
import { SHELLS } from "../../completions/shells.ts";
import { Program } from "../support/program.ts";
import {
  Completions,
  lacksShells as ignore,
  printed,
  type ProgramName,
  PROGRAMS,
} from "../support/completions/shells.ts";

const USAGE = await printed("multibinder-client", ["--help"]);
const COMMANDS = programOf({
  name: "multibinder-client",
  usage: USAGE,
  commands: {},
}).commands.map(({ name }) => name);

/** A line, and the candidates at its end. `files/` has web.sock and web.d/. */
const LINES: readonly [line: string, candidates: readonly string[]][] = [
  ["multibinder-client ", COMMANDS],
  ["multibinder-client rel", ["release"]],
  ["multibinder-client --sock /run/mb.sock st", ["status"]],
  ["multibinder-client --sock we", ["web.d/", "web.sock"]],
  ["multibinder-client list --sock web.s", ["web.sock"]],
  ["multibinder-client run --ready ", [
    "notify",
    "delay:2s",
    "auto:2s",
    "tcp",
    "http:",
  ]],
  ["multibinder-client run --ready=de", ["delay:2s"]],
  ["multibinder-client run --stop-signal U", ["USR1", "USR2"]],
  ["multibinder-client run --chdir w", ["web.d/"]],
  ["multibinder-client run --watch web.s", ["web.sock"]],
  ["multibinder-client run --group roo", ["root"]],
  ["multibinder-client run --owner roo", ["root"]],
  ["multibinder-client run --grace ", []],
  ["multibinder-client run :80 -- cat web.s", ["web.sock"]],
  ["multibinder-client exec :80 -- mkfif", ["mkfifo"]],
  ["multibinder-client release ", []],
  ["multibinder-client release --v6only ", ["false", "true"]],
  ["multibinder-client completions ", ["bash", "fish", "zsh"]],
  ["multibinder-client help lis", ["list"]],
  ["multibinder-server web.s", ["web.sock"]],
  ["multibinder-server --policy web.s", ["web.sock"]],
  ["multibinder-server --log-level ", ["debug", "error", "info", "warn"]],
  ["multibinder-server --log-format=", ["json", "text"]],
  ["multibinder-server --group roo", ["root"]],
  ["multibinder serve", [COMMANDS.includes("serve") ? "serve" : "", "server"]],
  ["multibinder server --log-format=", ["json", "text"]],
  ["multibinder server web.s", ["web.sock"]],
  ["multibinder run --ready=de", ["delay:2s"]],
  ["multibinder-haproxy mkfif", ["mkfifo"]],
  ["multibinder-haproxy --grace 3s cat web.s", ["web.sock"]],
];

/** A candidate for a directory, as every shell can be made to show it. */
function bare(candidates: readonly string[]): string[] {
  const names = candidates.map((each) => each.replace(/\/$/, ""))
    .filter((each) => each !== "");
  return [...new Set(names)].sort();
}

/** The help of each command. */
async function helps(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const command of COMMANDS) {
    if (command === "help") continue;
    const help = await printed("multibinder-client", [command, "--help"]);
    found[command] = help;
  }
  return found;
}

/** The options in the help of each program and command, as lines to complete. */
async function optionsByLine(): Promise<Map<string, string[]>> {
  const lines = new Map<string, string[]>();
  const add = (line: string, { options }: Pick<Grammar, "options">) =>
    lines.set(`${line} --`, options.map(({ name }) => `--${name}`).sort());
  for (const name of Object.keys(PROGRAMS) as ProgramName[]) {
    const usage = name === "multibinder-client"
      ? USAGE
      : await printed(name, ["--help"]);
    const commands = name === "multibinder-client" ? await helps() : {};
    const program = programOf({ name, usage, commands });
    add(name, program);
    for (const command of program.commands) {
      if (command.name in commands) add(`${name} ${command.name}`, command);
    }
  }
  return lines;
}

const OPTIONS = await optionsByLine();

for (const shell of SHELLS) {
  Deno.test({
    name:
      `${shell} completes commands, options, their values, files, and commands after --`,
    ignore,
    fn: async () => {
      await using completions = await Completions.make(shell);
      await Deno.writeTextFile(completions.scratch.join("files/web.sock"), "");
      await Deno.mkdir(completions.scratch.join("files/web.d"));
      const wrong: unknown[] = [];
      const all = await completions.candidates(
        shell,
        LINES.map(([line]) => line),
      );
      for (const [line, candidates] of LINES) {
        const found = bare(all.get(line)!);
        const expected = bare(candidates);
        if (found.join() !== expected.join()) {
          wrong.push({ line, found, expected });
        }
      }
      assertEquals(wrong, []);
    },
  });

  Deno.test({
    name: `${shell} completes exactly the options that --help describes`,
    ignore,
    fn: async () => {
      await using completions = await Completions.make(shell);
      const all = await completions.candidates(shell, [...OPTIONS.keys()]);
      for (const [line, options] of OPTIONS) {
        const found = all.get(line)!
          .filter((each) => each.startsWith("--") && each !== "--");
        assertEquals(found, options, line);
        assert(found.includes("--help"), line);
      }
    },
  });
}

Deno.test({
  name: "the line editor of bash inserts completions",
  ignore,
  fn: async () => {
    await using completions = await Completions.make("bash");
    await Deno.writeTextFile(completions.scratch.join("files/web.sock"), "");
    const script = completions.script("multibinder-client", "bash");
    await Deno.writeTextFile(
      completions.scratch.join("typed"),
      `source ${script}
multibinder-client() { printf "<%s>" "$@"; echo; }
multibinder-client run --sock we\tx
multibinder-client run --stop-sig\tUSR1 --ready=de\tlist
multibinder-client run :80 -- mkfif\tweb
exit
`,
    );
    await using bash = Program.start("bash", {
      args: ["-c", "bash --norc --noprofile -i <../typed"],
      cwd: completions.scratch.join("files"),
      env: { TERM: "dumb" },
    });
    const { output } = await bash.end();
    assertEquals(output.split("\n"), [
      "<run><--sock><web.sock><x>",
      "<run><--stop-signal><USR1><--ready=delay:2s><list>",
      "<run><:80><--><mkfifo><web>",
    ]);
  },
});
