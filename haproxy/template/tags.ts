import { TemplateError } from "./template_error.ts";

/** A tag that contains code. */
export interface Tag {
  /** `<%= ... %>` and `<%- ... %>`, or `<% ... %>`. */
  kind: "expression" | "statement";
  /** The text between the delimiters. */
  code: string;
  /** The index of the code in the template. */
  at: number;
  /** The line in which the tag begins, from 1. */
  line: number;
  /** The tag with its delimiters. */
  source: string;
}

// The delimiters of EJS: as in ERB, a `%>` in a string ends the tag.
const DELIMITER = /<%%|%%>|<%=|<%-|<%_|<%#|<%|-%>|_%>|%>/g;

const EXPRESSIONS: ReadonlySet<string> = new Set(["<%=", "<%-"]);
const OPENING: ReadonlySet<string> = new Set([
  "<%",
  "<%_",
  "<%#",
  "<%=",
  "<%-",
]);
const CLOSING: ReadonlySet<string> = new Set(["%>", "-%>", "_%>"]);

/**
 * The tags of a template, in order; comments (`<%#`) are left out.
 *
 * @throws {TemplateError} for a tag that is not closed or is empty.
 */
export function tagsOf(file: string, text: string): Tag[] {
  const tags: Tag[] = [];
  const delimiters = [...text.matchAll(DELIMITER)];
  let line = 1;
  let counted = 0;
  for (let index = 0; index < delimiters.length; index++) {
    const [opening] = delimiters[index]!;
    if (!OPENING.has(opening)) continue;
    const start = delimiters[index]!.index;
    line += text.slice(counted, start).split("\n").length - 1;
    counted = start;
    const closing = delimiters[++index];
    const at = start + opening.length;
    if (closing === undefined || !CLOSING.has(closing[0])) {
      const [rest = ""] = text.slice(start).split("\n", 1);
      throw new TemplateError({
        file,
        line,
        expression: rest,
        reason: `the tag ${opening} is never closed with %>`,
      });
    }
    const code = text.slice(at, closing.index);
    const source = text.slice(start, closing.index + closing[0].length);
    if (code === "") {
      throw new TemplateError({
        file,
        line,
        expression: source,
        reason: "the tag is empty",
      });
    }
    if (opening === "<%#") continue;
    const kind = EXPRESSIONS.has(opening) ? "expression" : "statement";
    tags.push({ kind, code, at, line, source });
  }
  return tags;
}
