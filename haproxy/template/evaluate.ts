import ejs from "npm:ejs@^7.0.2";
import { interpolatesAsRuby, rubyHint } from "./ruby.ts";
import { codeOf, syntaxError } from "./syntax.ts";
import { type Tag, tagsOf } from "./tags.ts";
import { TemplateError } from "./template_error.ts";

/** The part of EJS that is used. The package has no types. */
const { compile }: {
  compile: (
    template: string,
    options: {
      compileDebug: boolean;
      escape: (value: unknown) => string;
      filename: string;
    },
  ) => (scope: Readonly<Record<string, unknown>>) => string;
} = ejs;

/** Options of {@linkcode evaluate}. */
export interface Evaluation {
  /** The name of the template, for errors. */
  file: string;
  text: string;
  /** The variables of its code, given a function for the tag being evaluated. */
  scope: (tag: () => Tag) => Readonly<Record<string, unknown>>;
}

/** The function that is called with the index of the tag being evaluated. */
const MARK = "__evaluates_tag";

function marked(text: string, tags: readonly Tag[]): string {
  let result = "";
  let taken = 0;
  tags.forEach((tag, index) => {
    const mark = `${MARK}(${index})`;
    result += text.slice(taken, tag.at) + (tag.kind === "statement"
      // Without the space `<%` and the mark would be the delimiter `<%_`.
      ? ` ${mark}; ${tag.code}`
      : `(${mark}, ${codeOf(tag)}\n)`);
    taken = tag.at + tag.code.length;
  });
  return result + text.slice(taken);
}

/** Nothing is escaped: a configuration is not HTML. */
function asText(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

function rejectInterpolation(file: string, tags: readonly Tag[]): void {
  const tag = tags.find(({ code }) => interpolatesAsRuby(code));
  if (tag === undefined) return;
  const { line, source } = tag;
  throw new TemplateError({
    file,
    line,
    expression: source,
    reason: "#{...} in a string is Ruby",
    hint: "in JavaScript write `...${name}...`, in backquotes",
  });
}

/**
 * Evaluates a template: the resulting text.
 *
 * @throws {TemplateError}
 */
export async function evaluate(
  { file, text, scope }: Evaluation,
): Promise<string> {
  const tags = tagsOf(file, text);
  rejectInterpolation(file, tags);
  let current: Tag | undefined;
  const names = {
    ...scope(() => current!),
    [MARK]: (index: number) => current = tags[index],
  };
  try {
    const template = compile(marked(text, tags), {
      compileDebug: false,
      escape: asText,
      filename: file,
    });
    return template(names);
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    // If no tag was evaluated, the code itself is invalid.
    if (current === undefined && error instanceof SyntaxError) {
      throw await syntaxError(file, tags, error);
    }
    const { line, source, code } = current ??
      { line: 1, source: "", code: "" };
    throw new TemplateError({
      file,
      line,
      expression: source,
      reason: error instanceof Error
        ? `${error.name}: ${error.message}`
        : `thrown: ${String(error)}`,
      hint: rubyHint(code),
    }, error);
  }
}
