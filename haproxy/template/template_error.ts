/** Where in a template something went wrong, and why. */
export interface TemplateProblem {
  /** The template's name, as it was given. */
  file: string;
  /** The line, from 1. */
  line: number;
  /** The tag as it stands there, `<%= ... %>`. */
  expression: string;
  /** What is wrong. */
  reason: string;
  /** What can be done about it. */
  hint?: string | undefined;
}

/**
 * A template that could not be rendered: broken syntax, an exception in a tag,
 * or a socket that the daemon refused.
 *
 * @example
 * ```ts no-eval
 * import { render, TemplateError } from "jsr:@multibinder/client/haproxy";
 *
 * try {
 *   using rendering = await render("bind <%= bind_tcp('127.0.0.1') %>");
 * } catch (error) {
 *   if (error instanceof TemplateError) console.error(error.line, error.expression);
 * }
 * ```
 */
export class TemplateError extends Error {
  /** `TemplateError`. */
  override readonly name = "TemplateError";
  /** The template's name. */
  readonly file: string;
  /** The line, from 1. */
  readonly line: number;
  /** The tag as it stands there. */
  readonly expression: string;

  /** `cause` is what was thrown, if anything was. */
  constructor(problem: TemplateProblem, cause?: unknown) {
    const { file, line, expression, reason, hint } = problem;
    const lines = [`${file}:${line}: ${reason}`];
    if (expression !== "") lines.push(`  in ${expression}`);
    if (hint !== undefined) lines.push(`  ${hint}`);
    super(lines.join("\n"), { cause });
    this.file = file;
    this.line = line;
    this.expression = expression;
  }
}
