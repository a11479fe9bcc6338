/**
 * The shell commands of README, docs/ and the other pages.
 *
 * @module
 */
import { treePath } from "../tree.ts";

/** A fenced block of shell commands. */
export interface ShellBlock {
  /** Such as `docs/serving.md`. */
  page: string;
  /** The line of its fence. */
  line: number;
  /** The heading above it. */
  heading: string;
  text: string;
}

/** The pages with commands for readers: every Markdown file of the tree. */
export async function pages(): Promise<string[]> {
  const found = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
  const folders = ["docs", "examples", "packages"];
  while (folders.length > 0) {
    const folder = folders.pop()!;
    for await (const { name, isDirectory } of Deno.readDir(treePath(folder))) {
      if (isDirectory) folders.push(`${folder}/${name}`);
      else if (name.endsWith(".md")) found.push(`${folder}/${name}`);
    }
  }
  return found.sort();
}

const FENCED = /^(```+)(sh|bash|shell|console)\n([^]*?)^\1$/gm;

/** The shell blocks of a page, in order. */
export function blocksOf(page: string, text: string): ShellBlock[] {
  return [...text.matchAll(FENCED)].map((match) => ({
    page,
    line: text.slice(0, match.index).split("\n").length,
    heading: text.slice(0, match.index).match(/^#+ .*$/gm)!.at(-1)!
      .replace(/^#+ /, ""),
    text: match[2] === "console" ? typed(match[3]!) : match[3]!,
  }));
}

/** The lines after a prompt. */
function typed(text: string): string {
  return text.split("\n").filter((line) => line.startsWith("$ "))
    .map((line) => `${line.slice(2)}\n`).join("");
}

/** All shell blocks of all pages. */
export async function allBlocks(): Promise<ShellBlock[]> {
  const all: ShellBlock[] = [];
  for (const page of await pages()) {
    all.push(...blocksOf(page, await Deno.readTextFile(treePath(page))));
  }
  return all;
}

/** The commands of a block: lines, with those that continue them. */
export function commandsOf(block: string): string[] {
  const commands: string[] = [];
  let open = "";
  for (const line of block.split("\n")) {
    open = open === "" ? line : `${open}\n${line}`;
    if (isIncomplete(open)) continue;
    const command = open.trim();
    if (command !== "" && !command.startsWith("#")) commands.push(command);
    open = "";
  }
  if (open !== "") throw new Error(`an unfinished command: ${open}`);
  return commands;
}

/** Whether the shell would read another line. */
function isIncomplete(text: string): boolean {
  if (text.endsWith("\\")) return true;
  const here = /<<'?(\w+)'?/.exec(text);
  if (here !== null && !text.endsWith(`\n${here[1]}`)) return true;
  const withoutHere = here === null ? text : text.slice(0, here.index);
  const withoutComments = withoutHere.replaceAll(/\s#.*$/gm, "");
  return withoutComments.split("'").length % 2 === 0;
}
