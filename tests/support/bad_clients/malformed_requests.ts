/**
 * Invalid requests, the same for the same seed.
 *
 * @module
 */
import { MAX_REQUEST } from "../../../protocol.ts";

const encoder = new TextEncoder();

/** Pseudorandom numbers (mulberry32). */
export class Random {
  #state: number;

  /** The same seed generates the same numbers. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor(((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32 * end);
  }

  /** One of several. */
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Bytes of every value. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** The bytes that one client sends. */
export interface Malformed {
  /** The rule that made it. */
  rule: string;
  /** Sent one after the other. */
  pieces: Uint8Array<ArrayBuffer>[];
  /** Whether it has to be answered, or may also end the connection. */
  answered: boolean;
}

type Rule = (random: Random) => Uint8Array<ArrayBuffer> | string;

const ODD_VALUES = [
  null,
  true,
  0,
  -1,
  1e300,
  65536,
  "",
  "x",
  "\u0000",
  "🦕",
  [],
  {},
  [[]],
  { a: { b: [] } },
] as const;

function oddValue(random: Random): unknown {
  return random.of(ODD_VALUES);
}

// Neither is valid after a change of any one byte.
const UNGRANTABLE = [
  `{"jsonrpc":"2.0","id":"1","method":"frobnicate","params":[{"a":"]}"}]}`,
  `{"jsonrpc":"2.0","id":1,"method":"bind","params":[{"address":"","port":"eighty","one":1,"two":2}]}`,
] as const;

/** Rules that make complete requests: each is answered. */
const WHOLE: Record<string, Rule> = {
  "no JSON between brackets": (random) =>
    `{${random.of(["x", "'a':1", `"a"`, `"a":}`, ",", "1:1", "\\"])}}`,
  "bytes that are not UTF-8": (random) =>
    Uint8Array.of(0x5b, 0x22, 0x80 + random.below(0x40), 0x22, 0x5d),
  "not a request": (random) =>
    JSON.stringify(
      random.of<unknown>([{}, [], { a: oddValue(random) }, [null], [1]]),
    ),
  "a member of the wrong type": (random) => {
    const request: Record<string, unknown> = {
      jsonrpc: "2.0",
      id: 1,
      method: "bind",
      params: [{ address: "127.0.0.1", port: -1 }],
    };
    request[random.of(["jsonrpc", "id", "method", "params"])] = oddValue(
      random,
    );
    return JSON.stringify(request);
  },
  "params of the wrong type": (random) => {
    const params: Record<string, unknown> = {
      address: "127.0.0.1",
      port: "80",
      backlog: 10,
      v6only: true,
    };
    params[random.of(["address", "backlog", "v6only", "kind", "other"])] =
      oddValue(random);
    return JSON.stringify({
      jsonrpc: "2.0",
      id: random.below(1000),
      method: "bind",
      params: random.of<unknown>([params, [params], [params, params], [[
        params,
      ]]]),
    });
  },
  "a batch of nothing good": (random) =>
    JSON.stringify(
      Array.from({ length: 1 + random.below(300) }, () => oddValue(random)),
    ),
  "deep brackets": (random) => {
    const depth = 1 + random.below(MAX_REQUEST / 2);
    return "[".repeat(depth) + "]".repeat(depth);
  },
  "too long": (random) => {
    const length = MAX_REQUEST + random.below(MAX_REQUEST);
    const filling = random.of([" ", "[", "x", '"', "\\", "é"]);
    return `{"a":"${filling.repeat(length)}"}`.slice(0, length + 6);
  },
  "begins with no bracket": (random) => {
    const bytes = random.bytes(1 + random.below(200));
    bytes[0] = random.of([0, 0x22, 0x2c, 0x41, 0x5d, 0x7d, 0x80, 0xff]);
    return bytes;
  },
};

/** Rules that may make incomplete requests: answered, or the connection ends. */
const PARTIAL: Record<string, Rule> = {
  "cut off": (random) => {
    const text = random.of(UNGRANTABLE);
    return text.slice(0, random.below(text.length));
  },
  "a byte changed": (random) => {
    const bytes = encoder.encode(random.of(UNGRANTABLE));
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  "a piece left out": (random) => {
    const text = random.of(UNGRANTABLE);
    const from = random.below(text.length);
    return text.slice(0, from) + text.slice(from + 1 + random.below(9));
  },
  "random bytes in brackets": (random) =>
    Uint8Array.of(0x7b, ...random.bytes(random.below(500)), 0x7d),
  "random bytes": (random) => random.bytes(1 + random.below(500)),
};

const RULES = [
  ...Object.entries(WHOLE).map(([name, rule]) => ({
    name,
    rule,
    answered: true,
  })),
  ...Object.entries(PARTIAL).map(([name, rule]) => ({
    name,
    rule,
    answered: false,
  })),
];

/** The next malformed request. */
export function malformedRequest(random: Random): Malformed {
  const { name, rule, answered } = RULES[random.below(RULES.length)]!;
  const made = rule(random);
  const bytes = typeof made === "string" ? encoder.encode(made) : made;
  return { rule: name, pieces: inPieces(bytes, random), answered };
}

function inPieces(
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
): Uint8Array<ArrayBuffer>[] {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const cuts = random.below(4);
  let from = 0;
  for (let cut = 0; cut < cuts; cut++) {
    const to = from + random.below(bytes.length - from + 1);
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  return [...pieces, bytes.subarray(from)];
}
