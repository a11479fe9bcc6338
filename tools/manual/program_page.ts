/**
 * The manual page of a program, from its help texts.
 *
 * @module
 */
import type { ProgramUsage } from "../../completions/grammar.ts";
import {
  type Entry,
  readUsage,
  type UsageText,
} from "../../completions/usage_text.ts";
import { escaped, filled, paragraph, section, tagged } from "./roff.ts";

const EXIT_STATUS = /(?:^|(?<=[.] ))Exit status: /;

/** The paragraphs of a help text, and what it says about the exit status. */
function prose({ parts }: UsageText): { text: string[]; exit: string[] } {
  const text: string[] = [];
  const exit: string[] = [];
  for (const part of parts) {
    if (!("paragraph" in part)) continue;
    const [before = "", after] = part.paragraph.split(EXIT_STATUS);
    if (before.trim() !== "") text.push(paragraph(before.trim()));
    if (after !== undefined) exit.push(after);
  }
  return { text, exit };
}

function entriesThat(
  { parts }: UsageText,
  belongs: (term: string) => boolean,
): Entry[] {
  return parts.flatMap((part) => "entries" in part ? part.entries : [])
    .filter(({ term }) => belongs(term));
}

const isOption = (term: string) => term.startsWith("-");

function options(usage: UsageText): string[] {
  return entriesThat(usage, isOption)
    .map(({ term, description }) =>
      tagged(escaped(term), escaped(description))
    );
}

function synopsis(lines: readonly string[]): string {
  return lines.map((line) => `.PP\n${filled(escaped(line))}`).join("\n");
}

/** The sections of a command, as one subsection. */
function command(name: string, text: string): string {
  const usage = readUsage(text);
  const { text: about, exit } = prose(usage);
  return [
    `.SS ${name}`,
    synopsis(usage.synopsis),
    ...about,
    ...options(usage),
    ...exit.map((each) => paragraph(`Exit status: ${each}`)),
  ].join("\n");
}

/** What a program is for: the first sentence of its help. */
function purposeOf({ parts }: UsageText): string {
  for (const part of parts) {
    if (!("paragraph" in part)) continue;
    const [first = ""] = part.paragraph.split(/\.(?: |$)/);
    return first[0]!.toLowerCase() + first.slice(1);
  }
  throw new Error("the help does not say what the program is for");
}

/**
 * The sections of the page.
 *
 * @param name of the page
 * @param also other pages, such as `multibinder(8)`
 */
export function programSections(
  name: string,
  { usage, commands }: ProgramUsage,
  also: readonly string[],
): string[] {
  const text = readUsage(usage);
  const { text: about, exit } = prose(text);
  const named = entriesThat(text, (term) => !isOption(term));
  const withHelp = named.filter(({ term }) => term.split(" ")[0]! in commands);
  return [
    section("name", filled(`${escaped(name)} \\- ${escaped(purposeOf(text))}`)),
    section("synopsis", synopsis(text.synopsis)),
    section("description", ...about),
    ...named.length === 0 ? [] : [
      section(
        "commands",
        ...named.map(({ term, description }) =>
          tagged(escaped(term), escaped(description))
        ),
        ...withHelp.map(({ term }) => {
          const [each = ""] = term.split(" ");
          return command(each, commands[each]!);
        }),
      ),
    ],
    section("options", ...options(text)),
    section("exit status", ...exit.map(paragraph)),
    section("see also", filled(also.map(escaped).join(", "))),
  ];
}
