/**
 * Reads the text that `--help` prints. Completions and man pages are made from
 * it, so that no option is described twice.
 *
 * @module
 */

/** An option, or a command of a program: a term and what it means. */
export interface Entry {
  /** Such as `-h, --help`, `--mode 0600` or `exec [NAME=]ADDR... -- COMMAND`. */
  term: string;
  /** One line. */
  description: string;
}

/** A paragraph, or a list of entries. */
export type Part = { paragraph: string } | { entries: readonly Entry[] };

/** A help text. */
export interface UsageText {
  /** The command lines after `Usage:`. */
  synopsis: readonly string[];
  /** What follows, in order. */
  parts: readonly Part[];
}

/** Where descriptions begin, unless the term is longer. */
const COLUMN = 23;

/** The term and the description of a line that begins an entry. */
function entryOf(line: string): Entry {
  if (line[COLUMN - 1] === " " && line[COLUMN] !== " " && line[COLUMN]) {
    const term = line.slice(0, COLUMN).trim();
    return { term, description: line.slice(COLUMN).trim() };
  }
  const [, term = line.trim(), description = ""] =
    /^ +(.*\S) {2,}(\S.*)$/.exec(line) ?? [];
  return { term: term.replaceAll(/ +/g, " "), description };
}

function readEntries(lines: readonly string[]): Entry[] {
  const entries: Entry[] = [];
  for (const line of lines) {
    const last = entries.at(-1);
    if (/^ {2}\S/.test(line)) entries.push(entryOf(line));
    else if (last !== undefined) {
      last.description = `${last.description} ${line.trim()}`.trim();
    }
  }
  return entries;
}

/** Reads a help text. */
export function readUsage(text: string): UsageText {
  const [first = "", ...blocks] = text.trim().split("\n\n");
  return {
    synopsis: first.split("\n").map((line) => line.slice("Usage: ".length)),
    parts: blocks.map((block) => {
      const lines = block.split("\n");
      return lines[0]!.startsWith("  ")
        ? { entries: readEntries(lines) }
        : { paragraph: lines.map((line) => line.trim()).join(" ") };
    }),
  };
}

/** All entries of a help text. */
export function entriesOf({ parts }: UsageText): Entry[] {
  return parts.flatMap((part) => "entries" in part ? part.entries : []);
}
