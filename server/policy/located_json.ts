/**
 * JSON with comments and trailing commas, each value with its line.
 *
 * @module
 */
import {
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "npm:jsonc-parser@^3.3.1";

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
  const errors: ParseError[] = [];
  const root = parse(text, errors);
  const [first] = errors;
  if (first !== undefined) {
    const reason = printParseErrorCode(first.error)
      .replaceAll(/(?<!^)[A-Z]/g, " $&").toLowerCase();
    throw new LineError(lineAt(text, first.offset), `no JSON: ${reason}`);
  }
  if (root === undefined) throw new LineError(1, "no JSON: value expected");
  return located(root, text);
}

function parse(text: string, errors: ParseError[]): Node | undefined {
  try {
    return parseTree(text, errors, { allowTrailingComma: true });
  } catch (cause) {
    // The parser calls itself for what is nested.
    if (!(cause instanceof RangeError)) throw cause;
    throw new LineError(1, "no JSON that can be read: nested too deeply", {
      cause,
    });
  }
}

function located(node: Node, text: string): Located {
  const line = lineAt(text, node.offset);
  const children = node.children ?? [];
  switch (node.type) {
    case "object":
      return {
        line,
        type: "object",
        members: children.map((property) => member(property, text)),
      };
    case "array": {
      const items = children.map((item) => located(item, text));
      return { line, type: "array", items };
    }
    default:
      return { line, type: "scalar", value: node.value };
  }
}

function member({ children }: Node, text: string): Member {
  const [key, value] = children as [Node, Node];
  return {
    name: String(key.value),
    line: lineAt(text, key.offset),
    value: located(value, text),
  };
}
