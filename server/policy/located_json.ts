/**
 * JSON with comments and trailing commas (JSONC), each value with its line.
 *
 * Of our own making: the parsers that tell where a value stands are npm
 * packages, and Deno looks an npm package up at each start, also where nothing
 * asks for it. A daemon that comes back from a re-exec must not wait for that.
 *
 * @module
 */

/** A key of an object with its value. */
export interface Member {
  /** The key. */
  readonly name: string;
  /** Where the key is, counted from 1. */
  readonly line: number;
  readonly value: Located;
}

/** A value and the line it begins on, counted from 1. */
export type Located =
  & { readonly line: number }
  & (
    | { readonly type: "object"; readonly members: readonly Member[] }
    | { readonly type: "array"; readonly items: readonly Located[] }
    | { readonly type: "scalar"; readonly value: unknown }
  );

/** Something on one line of a text is wrong. */
export class LineError extends Error {
  /** `LineError`. */
  override readonly name = "LineError";

  /** `line` is counted from 1. */
  constructor(readonly line: number, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The line that an offset is on, counted from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split(/\r\n?|\n/).length;
}

/**
 * Reads a text.
 *
 * @throws {LineError} for one that is no JSON with comments.
 */
export function readJson(text: string): Located {
  return new Reader(text).read();
}

/** Deeper than any policy, and far from the end of the stack. */
const DEEPEST = 64;

/** What may stand between two tokens. */
const SPACE = /(?:[ \t\r\n]+|\/\/[^\r\n]*|\/\*[^]*?\*\/)*/y;
/** A text up to its last quote; JSON.parse says what is wrong inside. */
const TEXT = /"(?:[^"\\\r\n]|\\.)*"/y;
const WORD = /-?\d[\d.eE+-]*|[a-z]+/y;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.replace(/^\ufeff/, "");
  }

  read(): Located {
    const root = this.#value(0);
    if (this.#next() !== "") this.#fail("end of file expected");
    return root;
  }

  /** The next character that means something, or nothing at the end. */
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
    if (depth > DEEPEST) this.#fail("nested too deeply");
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
      if (this.#next() !== '"') this.#fail("key in quotes expected");
      const line = lineAt(this.#text, this.#at);
      const name = this.#string();
      if (this.#next() !== ":") this.#fail("colon expected");
      this.#at++;
      return { name, line, value: this.#value(depth + 1) };
    });
  }

  /** What stands between brackets; a comma may follow the last. */
  #list<T>(end: string, read: () => T): T[] {
    const items: T[] = [];
    this.#at++;
    while (this.#next() !== end) {
      if (this.#next() === "") this.#fail(`${end} expected`);
      items.push(read());
      const after = this.#next();
      if (after === ",") this.#at++;
      else if (after !== end) this.#fail(`comma or ${end} expected`);
    }
    this.#at++;
    return items;
  }

  #string(): string {
    return this.#parsed(TEXT, "text without an end") as string;
  }

  #word(): unknown {
    return this.#parsed(WORD, "value expected");
  }

  #parsed(pattern: RegExp, otherwise: string): unknown {
    const start = this.#at;
    const token = this.#take(pattern);
    if (token === "") this.#fail(otherwise);
    try {
      return JSON.parse(token);
    } catch (cause) {
      this.#at = start;
      this.#fail(`${token} is no value`, cause);
    }
  }

  #fail(reason: string, cause?: unknown): never {
    const line = lineAt(this.#text, this.#at);
    throw new LineError(line, `no JSON: ${reason}`, { cause });
  }
}
