/**
 * Patterns of paths and of abstract names: `*` stands for any characters but
 * `/`, a segment `**` for any number of segments.
 *
 * Not `globToRegExp` of @std/path: its `?` and `[!a]` match a `/`, a `)` makes
 * it throw, and what it makes of `**` takes exponential time over an abstract
 * name of many slashes, which any client may ask for.
 *
 * @module
 */
import { OsError } from "../../ffi/libc/errno.ts";
import { realPath } from "../../ffi/files/file.ts";
import { PatternError } from "./pattern_error.ts";
import type { Effect } from "./policy.ts";

/** Whether a path, or `@name`, matches. */
export type PathMatcher = (path: string) => boolean;

/**
 * Reads a pattern. Paths are compared as they really are: a rule that allows
 * does not follow links in its pattern, whoever could make one would widen it.
 * A rule that denies matches where its pattern leads now as well.
 *
 * @throws {PatternError} for a path that is not absolute or not canonical, and
 * for wildcards of other kinds.
 */
export function pathPattern(text: string, effect: Effect): PathMatcher {
  const abstract = text.startsWith("@");
  if (!abstract && !text.startsWith("/")) {
    throw new PatternError(
      `${JSON.stringify(text)} begins neither with / nor with @`,
    );
  }
  const other = /[?[{]/.exec(text)?.[0];
  if (other !== undefined) {
    throw new PatternError(`${other} is no wildcard here, only * and ** are`);
  }
  const segments = text.slice(1).split("/");
  if (segments.some((each) => each !== "**" && each.includes("**"))) {
    throw new PatternError(
      "** stands for whole segments: /**/ or /** at the end",
    );
  }
  if (abstract) {
    if (text === "@") throw new PatternError("the abstract name is empty");
    return matcher("@", segments);
  }
  if (segments.some((each) => ["", ".", ".."].includes(each))) {
    throw new PatternError(
      `the path ${text} is compared as it really is: without ., .. and empty segments`,
    );
  }
  const written = matcher("/", segments);
  if (effect === "allow") return written;
  const real = realSegments(segments);
  if (real.join("/") === segments.join("/")) return written;
  const led = matcher("/", real);
  return (path) => written(path) || led(path);
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

/** The same with the links in the directories before the first wildcard followed. */
function realSegments(segments: readonly string[]): string[] {
  const wild = segments.findIndex((each) => each.includes("*"));
  const fixed = wild === -1 ? segments.length - 1 : wild;
  const directory = segments.slice(0, fixed).map((each) => `/${each}`).join("");
  const real = realDirectory(directory).split("/").slice(1);
  return [...real, ...segments.slice(fixed)];
}

/** As far as it exists and can be reached; `""` is the root. */
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
