/**
 * Requests that were read before. Clients ask for the same sockets again and
 * again, and what they write differs in the id alone: to compare bytes takes a
 * fifth of what it takes to decode, parse and check them.
 *
 * @module
 */

/** So many different requests are kept, and so many more were seen once. */
const CAPACITY = 1024;

/** No request that is longer is kept, in bytes: a bind is some 120 long. */
const LONGEST = 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const LETTER_D = 0x64;
const LETTER_I = 0x69;

/** The digits of a whole number that JavaScript keeps as it is. */
const SAFE_DIGITS = 15;

interface Entry<T> {
  /** Its bytes before the id, and behind it. */
  readonly head: Uint8Array<ArrayBuffer>;
  readonly tail: Uint8Array<ArrayBuffer>;
  readonly read: T;
}

/** What was read of a request like this one. */
export interface Familiar<T> {
  /** What {@linkcode FamiliarRequests.learn} was given. */
  readonly read: T;
  /** The id as it is written in this request, quotes and all. */
  readonly id: Uint8Array<ArrayBuffer>;
}

/**
 * Requests by what they say beside their id. Two that are found to be alike
 * would be parsed into the same, because nothing but a plain id is passed over:
 * a whole number, or a string of ASCII without escapes.
 */
export class FamiliarRequests<T> {
  readonly #entries = new Map<number, Entry<T>>();
  /** What came once: most of it never comes again. */
  readonly #seen = new Set<number>();
  #latest: Entry<T> | undefined;
  // Where the id of what was looked at last is.
  #idStart = 0;
  #idEnd = 0;

  /** What was read of a request that differs in its id at most. */
  recall(message: Uint8Array<ArrayBuffer>): Familiar<T> | undefined {
    const entry = this.#find(message);
    if (entry === undefined) return undefined;
    this.#latest = entry;
    return {
      read: entry.read,
      id: message.subarray(this.#idStart, this.#idEnd),
    };
  }

  /** A client asks for the same again, more often than for anything else. */
  #find(message: Uint8Array<ArrayBuffer>): Entry<T> | undefined {
    if (message.length > LONGEST) return undefined;
    if (this.#latest !== undefined) {
      const start = this.#latest.head.length;
      const end = endOfPlainId(message, start);
      if (end !== undefined) {
        this.#idStart = start;
        this.#idEnd = end;
        if (this.#matches(this.#latest, message)) return this.#latest;
      }
    }
    const hash = this.#scan(message);
    const entry = hash === undefined ? undefined : this.#entries.get(hash);
    return entry && this.#matches(entry, message) ? entry : undefined;
  }

  /**
   * Keeps what was read of a request with that id when it comes for the second
   * time, if its id is a plain one.
   */
  learn(message: Uint8Array<ArrayBuffer>, id: unknown, read: T): void {
    const hash = this.#scan(message);
    if (hash === undefined) return;
    if (!this.#seen.delete(hash)) {
      if (this.#seen.size >= CAPACITY) this.#seen.clear();
      this.#seen.add(hash);
      return;
    }
    const written = message.subarray(this.#idStart, this.#idEnd);
    // Not so where it is some other member of that name.
    if (String.fromCharCode(...written) !== JSON.stringify(id)) return;
    if (!this.#entries.has(hash) && this.#entries.size >= CAPACITY) {
      this.#forgetOldest();
    }
    this.#entries.set(hash, {
      head: message.slice(0, this.#idStart),
      tail: message.slice(this.#idEnd),
      read,
    });
  }

  #forgetOldest(): void {
    for (const hash of this.#entries.keys()) {
      this.#entries.delete(hash);
      return;
    }
  }

  #matches(
    { head, tail }: Entry<T>,
    message: Uint8Array<ArrayBuffer>,
  ): boolean {
    const end = this.#idEnd;
    if (head.length !== this.#idStart || tail.length !== message.length - end) {
      return false;
    }
    for (let at = 0; at < head.length; at++) {
      if (head[at] !== message[at]) return false;
    }
    for (let at = 0; at < tail.length; at++) {
      if (tail[at] !== message[end + at]) return false;
    }
    return true;
  }

  /** FNV-1a of everything but the id; undefined where there is no plain one. */
  #scan(message: Uint8Array<ArrayBuffer>): number | undefined {
    const { length } = message;
    if (length > LONGEST) return undefined;
    let hash = 0x811c9dc5;
    let found = false;
    for (let at = 0; at < length; at++) {
      const byte = message[at]!;
      if (byte === BACKSLASH) return undefined;
      hash = Math.imul(hash ^ byte, 0x01000193);
      if (byte !== QUOTE || !isId(message, at)) continue;
      // Behind it and its colon. Whatever else is called so, a member with a
      // space before its colon or a text, may be what JSON.parse goes by.
      const start = at + 5;
      const end = message[start - 1] === COLON
        ? endOfPlainId(message, start)
        : undefined;
      if (found || end === undefined) return undefined;
      found = true;
      this.#idStart = start;
      this.#idEnd = end;
      at = end - 1;
    }
    return found ? hash : undefined;
  }
}

/** Whether `"id"` begins here. */
function isId(message: Uint8Array<ArrayBuffer>, at: number): boolean {
  return message[at + 1] === LETTER_I && message[at + 2] === LETTER_D &&
    message[at + 3] === QUOTE;
}

function endOfPlainId(
  message: Uint8Array<ArrayBuffer>,
  start: number,
): number | undefined {
  return message[start] === QUOTE
    ? endOfString(message, start + 1)
    : endOfNumber(message, start);
}

function endOfString(
  message: Uint8Array<ArrayBuffer>,
  start: number,
): number | undefined {
  for (let at = start; at < message.length; at++) {
    const byte = message[at]!;
    if (byte === QUOTE) return at + 1;
    // Controls are no JSON, and what is not ASCII may be no UTF-8.
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined;
  }
  return undefined;
}

function endOfNumber(
  message: Uint8Array<ArrayBuffer>,
  start: number,
): number | undefined {
  const first = message[start] === MINUS ? start + 1 : start;
  let at = first;
  while (message[at]! >= ZERO && message[at]! <= NINE) at++;
  const digits = at - first;
  const isPlain = digits > 0 && digits <= SAFE_DIGITS &&
    (message[first] !== ZERO || (digits === 1 && first === start));
  // A fraction or an exponent would follow in what is compared.
  return isPlain ? at : undefined;
}
