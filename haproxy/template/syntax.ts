/**
 * Finds the place of a syntax error in a template. V8 does not report it, so
 * that another parser reads the code of the tags again.
 *
 * @module
 */
import { bareCode } from "./bare_code.ts";
import { rubyHint } from "./ruby.ts";
import type { Tag } from "./tags.ts";
import { TemplateError } from "./template_error.ts";

/** The code of all tags as one program, and the origin of each of its lines. */
interface Program {
  code: string;
  lines: { tag: Tag; line: number }[];
}

/** Separators are on lines of their own, because a tag may end in a comment. */
function programOf(tags: readonly Tag[]): Program {
  const code: string[] = [];
  const lines: Program["lines"] = [];
  for (const tag of tags) {
    const [before, after] = tag.kind === "statement" ? [";", ";"] : ["(", ");"];
    const own = codeOf(tag).split("\n");
    code.push(before, ...own, after);
    const last = tag.line + own.length - 1;
    lines.push({ tag, line: tag.line });
    own.forEach((_, index) => lines.push({ tag, line: tag.line + index }));
    lines.push({ tag, line: last });
  }
  return { code: code.join("\n"), lines };
}

/** The code of a tag. EJS permits a semicolon after an expression. */
export function codeOf({ kind, code }: Tag): string {
  return kind === "statement" ? code : code.replace(/;\s*$/, "");
}

/** The tag with the last brace that is not closed. */
function unclosedBlock(tags: readonly Tag[]): Tag | undefined {
  const open: Tag[] = [];
  for (const tag of tags) {
    for (const brace of bareCode(tag.code).match(/[{}]/g) ?? []) {
      if (brace === "{") open.push(tag);
      else open.pop();
    }
  }
  return open.at(-1);
}

function isPositioned(
  error: unknown,
): error is SyntaxError & { pos: number; loc: { line: number } } {
  return error instanceof SyntaxError && "pos" in error && "loc" in error;
}

/** The error for `cause`, which V8 threw for the code of a template. */
export async function syntaxError(
  file: string,
  tags: readonly Tag[],
  cause: SyntaxError,
): Promise<TemplateError> {
  const { code, lines } = programOf(tags);
  const { parse } = await import("npm:acorn@^8.15.0");
  const at = (tag: Tag | undefined, line: number, reason: string) => {
    const ruby = tag && [tag, ...tags].map((each) => rubyHint(each.code))
      .find((hint) => hint !== undefined);
    return new TemplateError(
      { file, line, expression: tag?.source ?? "", reason, hint: ruby },
      cause,
    );
  };
  try {
    parse(code, { ecmaVersion: "latest", allowReturnOutsideFunction: true });
  } catch (error) {
    if (!isPositioned(error)) throw error;
    const unclosed = error.pos >= code.length ? unclosedBlock(tags) : undefined;
    if (unclosed !== undefined) {
      const reason = "the block that begins here is never closed with }";
      return at(unclosed, unclosed.line, reason);
    }
    const place = lines[error.loc.line - 1] ?? lines.at(-1);
    const reason = error.message.replace(/ \(\d+:\d+\)$/, "");
    return at(place?.tag, place?.line ?? 1, `syntax error: ${reason}`);
  }
  return at(tags[0], tags[0]?.line ?? 1, `syntax error: ${cause.message}`);
}
