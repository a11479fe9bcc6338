import ejs from "npm:ejs@^7.0.2";
import { interpolatesAsRuby, rubyHint } from "./ruby.ts";
import { codeOf, syntaxError } from "./syntax.ts";
import { type Tag, tagsOf } from "./tags.ts";
import { TemplateError } from "./template_error.ts";

/** What of EJS is used; the package has no types. */
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

/** What a template is evaluated with. */
export interface Evaluation {
  /** Its name, for errors. */
  file: string;
  text: string;
  /** The names that its code sees, given the tag that is at work when asked. */
  scope: (tag: () => Tag) => Readonly<Record<string, unknown>>;
}

/** Hears which tag is at work. */
const MARK = "__tag_at_work";

function marked(text: string, tags: readonly Tag[]): string {
  let result = "";
  let taken = 0;
  tags.forEach((tag, index) => {
    const mark = `${MARK}(${index})`;
    result += text.slice(taken, tag.at) + (tag.kind === "statement"
      // The space keeps the delimiter from becoming another one, `<%_`.
      ? ` ${mark}; ${tag.code}`
      : `(${mark}, ${codeOf(tag)}\n)`);
    taken = tag.at + tag.code.length;
  });
  return result + text.slice(taken);
}

/** A configuration is no HTML: nothing is escaped. */
function asText(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

function refuseInterpolation(file: string, tags: readonly Tag[]): void {
  const tag = tags.find(({ code }) => interpolatesAsRuby(code));
  if (tag === undefined) return;
  const { line, source } = tag;
  throw new TemplateError({
    file,
    line,
    expression: source,
    reason: "#{} in a string is Ruby",
    hint: "in JavaScript it is written `...${name}...`, in backquotes",
  });
}

/**
 * The text that a template gives.
 *
 * @throws {TemplateError}
 */
export async function evaluate(
  { file, text, scope }: Evaluation,
): Promise<string> {
  const tags = tagsOf(file, text);
  refuseInterpolation(file, tags);
  let atWork: Tag | undefined;
  const names = {
    ...scope(() => atWork!),
    [MARK]: (index: number) => atWork = tags[index],
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
    // Before a tag is at work it is the code itself that makes no sense.
    if (atWork === undefined && error instanceof SyntaxError) {
      throw await syntaxError(file, tags, error);
    }
    const { line, source, code } = atWork ??
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
