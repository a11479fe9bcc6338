/**
 * The parts of roff that the manual pages need (man(7)).
 *
 * @module
 */

/** Text in which nothing is an instruction. */
export function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}

/** A line of text that does not begin with a control character. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

/** Escaped text in lines of at most 78 characters, where a space allows it. */
export function filled(text: string): string {
  const lines: string[] = [""];
  for (const word of text.split(/\s+/).filter((each) => each !== "")) {
    const last = lines.at(-1)!;
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= 78) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines.map(guarded).join("\n");
}

/** A paragraph of plain text. */
export function paragraph(text: string): string {
  return `.PP\n${filled(escaped(text))}`;
}

/** A term and its description, both escaped. */
export function tagged(term: string, description: string): string {
  return `.TP\n\\fB${term}\\fR\n${filled(description)}`;
}

/** A section. */
export function section(title: string, ...body: string[]): string {
  return [`.SH ${title.toUpperCase()}`, ...body].join("\n");
}

/** A block that is shown as it is. */
export function literal(text: string): string {
  const lines = text.split("\n").map((line) => guarded(escaped(line)));
  return [".PP", ".RS 4", ".nf", ...lines, ".fi", ".RE"].join("\n");
}

/** A page, without an empty first paragraph in a section. */
export function page(
  { name, number, date, version }: {
    name: string;
    number: number;
    date: string;
    version: string;
  },
  sections: readonly string[],
): string {
  const title =
    `.TH ${name.toUpperCase()} ${number} "${date}" "multibinder ${version}"`;
  const text = [title, ...sections].join("\n");
  return `${text.replaceAll(/^(\.S[HS] .*)\n\.PP$/gm, "$1")}\n`;
}
