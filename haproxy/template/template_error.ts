/** The place and the reason of an error in a template. */
export interface TemplateProblem {
  /** The name of the template. */
  file: string;
  /** The line, from 1. */
  line: number;
  /** The tag, `<%= ... %>`. */
  expression: string;
  /** The error. */
  reason: string;
  /** How to correct it, if known. */
  hint?: string | undefined;
}

/**
 * A template cannot be rendered: its syntax is invalid, a tag throws an exception,
 * or the daemon refuses a socket. The message has the line, the tag and the
 * reason.
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
  /** The name of the template. */
  readonly file: string;
  /** The line, from 1. */
  readonly line: number;
  /** The tag, such as `<%= bind_tcp('0.0.0.0', 80) %>`. */
  readonly expression: string;

  /** `cause` is the original error, if any. */
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
