/**
 * A page of docs/ as sections of a manual page: the Markdown that those pages
 * use.
 *
 * @module
 */
import { escaped, filled, literal, section } from "./roff.ts";

/** Text with code in bold, and links as their text. */
function inline(text: string): string {
  const plain = text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("**", "").replaceAll("\\|", "|");
  return plain.split("`").map((part, at) =>
    at % 2 === 1 ? `\\fB${escaped(part)}\\fR` : escaped(part)
  ).join("");
}

function cellsOf(row: string): string[] {
  return row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim());
}

/** A table as a list: the first column is the term. */
function table(lines: readonly string[]): string {
  const [head = [], , ...rows] = lines.map(cellsOf);
  return rows.map(([first = "", ...rest]) => {
    const described = rest.map((cell, at) =>
      at === 0 ? inline(cell) : `${inline(head[at + 1]!)}: ${inline(cell)}`
    );
    return `.TP\n${inline(first)}\n${filled(described.join("; "))}`;
  }).join("\n");
}

function list(block: string): string {
  return block.split(/^- /m).filter((item) => item !== "")
    .map((item) => `.IP \\(bu 2\n${filled(inline(item))}`).join("\n");
}

function blockOf(block: string): string {
  const lines = block.split("\n");
  if (lines[0]!.startsWith("|")) return table(lines);
  if (lines[0]!.startsWith("- ")) return list(block);
  if (lines[0]!.startsWith("    ")) {
    return literal(lines.map((line) => line.slice(4)).join("\n"));
  }
  return `.PP\n${filled(inline(block))}`;
}

/** The blocks of a text: fenced ones may have empty lines. */
function blocksIn(text: string): string[] {
  const fenced = /^```\w*\n([^]*?)^```$/gm;
  const blocks: string[] = [];
  let at = 0;
  const plain = (part: string) =>
    part.split(/\n{2,}/).map((each) => each.replace(/^\n+|\n+$/g, ""))
      .filter((each) => each !== "").map(blockOf);
  for (const match of text.matchAll(fenced)) {
    blocks.push(...plain(text.slice(at, match.index)));
    blocks.push(literal(match[1]!.trimEnd()));
    at = match.index + match[0].length;
  }
  return [...blocks, ...plain(text.slice(at))];
}

/** A page with its title left out: what is before the first heading, and each section. */
export function markdownSections(text: string): string[] {
  const [, body = ""] = /^# .*\n([^]*)$/.exec(text) ?? [];
  const [before = "", ...rest] = body.split(/^## /m);
  return [
    section("description", ...blocksIn(before)),
    ...rest.map((each) => {
      const [title = "", ...lines] = each.split("\n");
      return section(title, ...blocksIn(lines.join("\n")));
    }),
  ];
}
