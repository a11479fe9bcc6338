/**
 * Patterns of paths and of abstract names: `*` matches any characters except
 * `/`, a segment `**` matches any number of segments.
 *
 * This is not `globToRegExp` of @std/path: its `?` and `[!a]` match `/`, it
 * throws for `)`, and its expression for `**` takes exponential time on an
 * abstract name with many slashes, which any client can send.
 *
 * @module
 */
import { OsError } from "../../ffi/libc/errno.ts";
import { realPath } from "../../ffi/files/file.ts";
import { PatternError } from "./pattern_error.ts";
import type { Effect } from "./policy.ts";

/** Whether a path or an `@name` matches. */
export type PathMatcher = (path: string) => boolean;

/**
 * Reads a pattern. It is matched against paths without symbolic links. An allow
 * rule does not follow links in its pattern: a user who can create a link could
 * widen the rule. A deny rule also matches the path that its pattern leads to.
 *
 * @throws {PatternError} for a path that is not absolute or not canonical, and
 * for other wildcards.
 */
export function pathPattern(text: string, effect: Effect): PathMatcher {
  const isAbstract = text.startsWith("@");
  if (!isAbstract && !text.startsWith("/")) {
    throw new PatternError(
      `invalid path ${JSON.stringify(text)}: expected / or @ at the start`,
    );
  }
  const other = /[?[{]/.exec(text)?.[0];
  if (other !== undefined) {
    throw new PatternError(
      `unsupported wildcard ${other}: only * and ** are supported`,
    );
  }
  const segments = text.slice(1).split("/");
  if (segments.some((each) => each !== "**" && each.includes("**"))) {
    throw new PatternError(
      "invalid **: it has to be a whole segment, as in /**/ or /** at the end",
    );
  }
  if (isAbstract) {
    if (text === "@") throw new PatternError("the abstract name is empty");
    return matcher("@", segments);
  }
  if (segments.some((each) => ["", ".", ".."].includes(each))) {
    throw new PatternError(
      `invalid path ${text}: remove ., .. and empty segments`,
    );
  }
  const written = matcher("/", segments);
  if (effect === "allow") return written;
  const real = realSegments(segments);
  if (real.join("/") === segments.join("/")) return written;
  const resolved = matcher("/", real);
  return (path) => written(path) || resolved(path);
}

function matcher(first: "/" | "@", segments: readonly string[]): PathMatcher {
  const text = first + segments.join("/");
  if (!text.includes("*")) return (path) => path === text;
  const last = segments.length - 1;
  const source = segments.map((segment, at) => {
    if (segment === "**") return at === last ? ".+" : "(?:.*/)?";
    const literal = segment.split("*").map((each) => RegExp.escape(each));
    return literal.join("[^/]*") + (at === last ? "" : "/");
  });
  const expression = new RegExp(`^${first}${source.join("")}$`, "s");
  return (path) => expression.test(path);
}

/** The segments with links followed in the directories before a wildcard. */
function realSegments(segments: readonly string[]): string[] {
  const wild = segments.findIndex((each) => each.includes("*"));
  const fixed = wild === -1 ? segments.length - 1 : wild;
  const directory = segments.slice(0, fixed).map((each) => `/${each}`).join("");
  const real = realDirectory(directory).split("/").slice(1);
  return [...real, ...segments.slice(fixed)];
}

/** Follows the links of a path as far as it can be reached; `""` is the root. */
function realDirectory(path: string): string {
  if (path === "") return "";
  try {
    const real = realPath(path);
    return real === "/" ? "" : real;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    const slash = path.lastIndexOf("/");
    return realDirectory(path.slice(0, slash)) + path.slice(slash);
  }
}
