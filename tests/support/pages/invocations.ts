/**
 * Command lines of multibinder's programs anywhere in a text.
 *
 * @module
 */
import { programUsage } from "../../../client/command_line.ts";
import { programOf } from "../../../completions/grammar.ts";
import * as haproxy from "../../../haproxy/command_line.ts";
import { usageOf } from "../../../server/options.ts";

/** Its program, and its words up to `--` or the end. */
export interface Invocation {
  program: "server" | "client" | "haproxy";
  words: readonly string[];
  text: string;
}

const NAMED = /\bmultibinder-(client|server|haproxy)(?:-wrapper)?((?: |$).*)/;
const PACKAGE = /\bjsr:@multibinder\/(server|client\/haproxy|client)( .*|$)/;
const COMPILED =
  /(?:^|[`/ ])multibinder (server|exec|run|serve|list|release|status|metrics)((?: .*)?)$/;
const BARE = /^((?:exec|run|serve|list|release|status|metrics) .*)/;

/** Words up to the end of the command line. */
function wordsOf(text: string): string[] {
  const [line = ""] = text.split(/[`|;#<>]| & | &$|\)"?$| && /);
  const words = line.trim().split(/\s+/).filter((word) => word !== "");
  const dashes = words.indexOf("--");
  return dashes === -1 ? words : words.slice(0, dashes);
}

function invocationIn(text: string, isCode: boolean): Invocation | undefined {
  const packaged = PACKAGE.exec(text);
  const named = /\binstall --global\b/.test(text) ? null : NAMED.exec(text);
  if (packaged !== null && !/\b(cache|install) /.test(text)) {
    const program = packaged[1] === "client/haproxy" ? "haproxy" : packaged[1];
    return {
      program: program as Invocation["program"],
      words: wordsOf(packaged[2]!),
      text,
    };
  }
  if (named !== null && packaged === null) {
    return {
      program: named[1] as Invocation["program"],
      words: wordsOf(named[2]!),
      text,
    };
  }
  const compiled = COMPILED.exec(text);
  if (compiled !== null) {
    const [, command, rest = ""] = compiled;
    const isServer = command === "server";
    return {
      program: isServer ? "server" : "client",
      words: wordsOf(isServer ? rest : `${command}${rest}`),
      text,
    };
  }
  const bare = isCode ? BARE.exec(text) : null;
  if (bare === null) return undefined;
  return { program: "client", words: wordsOf(bare[1]!), text };
}

/** The invocations in a page: in its blocks and in `code`. */
export function invocationsIn(text: string): Invocation[] {
  const joined = text.replaceAll(/ *\\\n[ #*/]*/g, " ");
  const codes = [...joined.matchAll(/`([^`\n]+(?:\n[^`\n]+)?)`/g)]
    .map(([, code]) => code!.replace("\n", " "));
  const lines = joined.replaceAll(/`[^`\n]*(?:\n[^`\n]+)?`/g, "").split("\n")
    // Help that a page quotes, and an abbreviated command line.
    .filter((line) => !line.startsWith("Usage: "));
  return [
    ...codes.map((code) => invocationIn(code, true)),
    ...lines.map((line) => invocationIn(line, false)),
  ].filter((each) => each !== undefined);
}

const client = programOf(await programUsage());
const GRAMMARS = {
  server: programOf({ name: "", usage: usageOf(""), commands: {} }),
  haproxy: programOf({ name: "", usage: haproxy.USAGE, commands: {} }),
  client,
} as const;

/** The options of HAProxy's command line that the wrapper reads too. */
const AMONG_HAPROXY = ["--erb-write-only", "--write-only"];

/** What is wrong with an invocation, according to the help. */
export function problemsOf({ program, words }: Invocation): string[] {
  const grammar = GRAMMARS[program];
  let { options } = grammar;
  const problems: string[] = [];
  if (program === "client") {
    const name = words.find((word, at) =>
      !word.startsWith("-") && words[at - 1] !== "--sock"
    );
    const command = client.commands.find((each) => each.name === name);
    if (command !== undefined) options = command.options;
    else if (name !== undefined && /^[a-z]+$/.test(name)) {
      problems.push(`no command ${name}`);
    }
  }
  for (const word of words) {
    const [, option] = /^\[?--([\w-]+)/.exec(word) ?? [];
    if (option === undefined || AMONG_HAPROXY.includes(`--${option}`)) continue;
    if (!options.some(({ name }) => name === option)) {
      problems.push(`no option --${option}`);
    }
  }
  return problems;
}
