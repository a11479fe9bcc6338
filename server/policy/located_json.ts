/**
 * Parses JSON with comments and trailing commas (JSONC); each value has its line.
 *
 * The existing parsers that report positions are npm packages. Deno resolves npm
 * packages at each start, even if no module imports them, and a re-exec must not
 * wait for that.
 *
 * @module
 */

/** A key of an object with its value. */
export interface Member {
  readonly name: string;
  /** The line of the key, counted from 1. */
  readonly line: number;
  readonly value: Located;
}

/** A value with its first line, counted from 1. */
export type Located =
  & { readonly line: number }
  & (
    | { readonly type: "object"; readonly members: readonly Member[] }
    | { readonly type: "array"; readonly items: readonly Located[] }
    | { readonly type: "scalar"; readonly value: unknown }
  );

/** An error on one line of a text. */
export class LineError extends Error {
  /** `LineError`. */
  override readonly name = "LineError";

  /** `line` is counted from 1. */
  constructor(readonly line: number, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The line of an offset, counted from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split(/\r\n?|\n/).length;
}

/**
 * Parses a text.
 *
 * @throws {LineError} if the text is not JSON with comments.
 */
export function readJson(text: string): Located {
  return new Reader(text).read();
}

/** A policy needs far less, and the call stack allows far more. */
const MAX_DEPTH = 64;

/** White space and comments between two tokens. */
const SPACE = /(?:[ \t\r\n]+|\/\/[^\r\n]*|\/\*[^]*?\*\/)*/y;
/** A string; JSON.parse checks its escapes. */
const STRING = /"(?:[^"\\\r\n]|\\.)*"/y;
const WORD = /-?\d[\d.eE+-]*|[a-z]+/y;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.replace(/^\ufeff/, "");
  }

  read(): Located {
    const root = this.#value(0);
    if (this.#next() !== "") this.#fail("expected end of file");
    return root;
  }

  /** The first character of the next token; an empty string at the end. */
  #next(): string {
    this.#take(SPACE);
    if (this.#text.startsWith("/*", this.#at)) this.#fail("comment not closed");
    return this.#text.charAt(this.#at);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #value(depth: number): Located {
    if (depth > MAX_DEPTH) this.#fail("nested too deeply");
    const first = this.#next();
    const line = lineAt(this.#text, this.#at);
    if (first === "{") {
      return { line, type: "object", members: this.#members(depth) };
    }
    if (first === "[") {
      const items = this.#list("]", () => this.#value(depth + 1));
      return { line, type: "array", items };
    }
    const value = first === '"' ? this.#string() : this.#word();
    return { line, type: "scalar", value };
  }

  #members(depth: number): Member[] {
    return this.#list("}", () => {
      if (this.#next() !== '"') this.#fail("expected a key in quotes");
      const line = lineAt(this.#text, this.#at);
      const name = this.#string();
      if (this.#next() !== ":") this.#fail("expected a colon");
      this.#at++;
      return { name, line, value: this.#value(depth + 1) };
    });
  }

  /** Reads the items up to a closing bracket; a trailing comma is allowed. */
  #list<T>(end: string, read: () => T): T[] {
    const items: T[] = [];
    this.#at++;
    while (this.#next() !== end) {
      if (this.#next() === "") this.#fail(`expected ${end}`);
      items.push(read());
      const after = this.#next();
      if (after === ",") this.#at++;
      else if (after !== end) this.#fail(`expected a comma or ${end}`);
    }
    this.#at++;
    return items;
  }

  #string(): string {
    return this.#parsed(STRING, "unterminated string") as string;
  }

  #word(): unknown {
    return this.#parsed(WORD, "expected a value");
  }

  #parsed(pattern: RegExp, otherwise: string): unknown {
    const start = this.#at;
    const token = this.#take(pattern);
    if (token === "") this.#fail(otherwise);
    try {
      return JSON.parse(token);
    } catch (cause) {
      this.#at = start;
      this.#fail(`invalid value ${token}`, cause);
    }
  }

  #fail(reason: string, cause?: unknown): never {
    const line = lineAt(this.#text, this.#at);
    throw new LineError(line, `invalid JSON: ${reason}`, { cause });
  }
}
