import { assert, assertEquals } from "@std/assert";
import { programOf } from "../../completions/grammar.ts";
import { SHELLS } from "../../completions/shells.ts";
import { Program } from "../support/program.ts";
import {
  Completions,
  lacksShells as ignore,
  printed,
  type ProgramName,
  PROGRAMS,
} from "../support/completions/shells.ts";

const COMMANDS = programOf({
  name: "multibinder-client",
  usage: await printed("multibinder-client", ["--help"]),
  commands: {},
}).commands.map(({ name }) => name);

/** A line, and the candidates at its end. `files/` has web.sock and web.d/. */
const LINES: readonly [line: string, candidates: readonly string[]][] = [
  ["multibinder-client ", COMMANDS],
  ["multibinder-client rel", ["release"]],
  ["multibinder-client --sock /run/mb.sock st", ["status"]],
  ["multibinder-client --sock we", ["web.d/", "web.sock"]],
  ["multibinder-client list --sock web.s", ["web.sock"]],
  ["multibinder-client run --ready ", ["notify", "delay:2s", "auto:2s"]],
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

const helps = new Map<string, string>();

/** The options that a command has in its help. */
async function optionsIn(name: ProgramName, command: string) {
  const key = `${name} ${command}`;
  const args = [command, "--help"].filter(Boolean);
  const usage = helps.get(key) ?? await printed(name, args);
  helps.set(key, usage);
  return programOf({ name, usage, commands: {} }).options
    .map((option) => `--${option.name}`).sort();
}

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
      const lines: [name: ProgramName, command: string][] = [
        ...Object.keys(PROGRAMS).map((name): [ProgramName, string] => [
          name as ProgramName,
          "",
        ]),
        ...COMMANDS.filter((each) => each !== "help")
          .map((each): [ProgramName, string] => ["multibinder-client", each]),
      ];
      const lineOf = (name: string, command: string) =>
        [name, command, "--"].filter(Boolean).join(" ");
      const all = await completions.candidates(
        shell,
        lines.map(([name, command]) => lineOf(name, command)),
      );
      for (const [name, command] of lines) {
        const line = lineOf(name, command);
        const found = all.get(line)!
          .filter((each) => each.startsWith("--") && each !== "--");
        assertEquals(found, await optionsIn(name, command), line);
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
