/**
 * Parses JSON with comments and trailing commas (JSONC); each value has its place.
 *
 * The existing parsers that report positions are npm packages. Deno resolves npm
 * packages at each start, even if no module imports them, and a re-exec must not
 * wait for that.
 *
 * @module
 */

/** A place in a text: its line and the character in it, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A key of an object with its value. */
export interface Member {
  readonly name: string;
  /** The place of the key. */
  readonly place: Place;
  readonly value: Located;
}

/** A value with the place where it begins. */
export type Located =
  & { readonly place: Place }
  & (
    | { readonly type: "object"; readonly members: readonly Member[] }
    | { readonly type: "array"; readonly items: readonly Located[] }
    | { readonly type: "scalar"; readonly value: unknown }
  );

/** An error at a place of a text. */
export class PlaceError extends Error {
  /** `PlaceError`. */
  override readonly name = "PlaceError";

  /** An error of the value that begins at `place`. */
  constructor(readonly place: Place, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The place of an offset. */
export function placeAt(text: string, offset: number): Place {
  const lines = text.slice(0, offset).split(/\r\n?|\n/);
  const before = Array.from(lines.at(-1)!);
  return { line: lines.length, column: before.length + 1 };
}

/**
 * Parses a text.
 *
 * @throws {PlaceError} if the text is not JSON with comments.
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
    const place = this.#place();
    if (first === "{") {
      return { place, type: "object", members: this.#members(depth) };
    }
    if (first === "[") {
      const items = this.#list("]", () => this.#value(depth + 1));
      return { place, type: "array", items };
    }
    const value = first === '"' ? this.#string() : this.#word();
    return { place, type: "scalar", value };
  }

  #members(depth: number): Member[] {
    return this.#list("}", () => {
      if (this.#next() !== '"') this.#fail("expected a key in quotes");
      const place = this.#place();
      const name = this.#string();
      if (this.#next() !== ":") this.#fail("expected a colon");
      this.#at++;
      return { name, place, value: this.#value(depth + 1) };
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

  #place(): Place {
    return placeAt(this.#text, this.#at);
  }

  #fail(reason: string, cause?: unknown): never {
    throw new PlaceError(this.#place(), `invalid JSON: ${reason}`, { cause });
  }
}
