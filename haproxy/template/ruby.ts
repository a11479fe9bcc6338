import { bareCode } from "./bare_code.ts";

/** What is Ruby and no JavaScript that anybody would write; strings are `""`. */
const RUBY: readonly RegExp[] = [
  /\bdo\s*(\|[^|]*\|)?\s*$/,
  /\{\s*\|[^|]*\|/,
  /^\s*end\s*$/,
  /(^|[\s,({])(:\w+|"")\s*=>/,
  /\bbind_(tcp|udp|unix)[ \t]+["\w]/,
  // Without the brace of an object, and without a condition's question mark.
  /\bbind_(tcp|udp|unix)\(([^(){?]|\([^()]*\))*\w:\s/,
  /^\s*(unless|elsif|puts|require|until)[ \t]+["\w]/,
  /^\s*(if|while)\s+[^(\s]/,
  /\)[ \t]*then\b/,
  /(^|[\s(,=!])nil\b(?!\s*[=:(.])/,
  /\.each\b(?!\s*[(=])|\.to_[is]\b/,
  /\.(nil|empty)\?(\s*($|[)&|;])|\s+\?)/,
];

const INTERPOLATION = /"[^"\n]*#\{[^"\n]*"/;

const HINT =
  "this looks like Ruby: write it in JavaScript, such as <% for (const port of [80, 81]) { %> ... <% } %>";

/** What to do about code that looks like Ruby, if it does. */
export function rubyHint(code: string): string | undefined {
  const bare = bareCode(code);
  return RUBY.some((each) => each.test(bare)) ? HINT : undefined;
}

/**
 * Whether there is a string with `#{}` in it, which would come out as it
 * stands there: in JavaScript it is no mistake that anything would notice.
 */
export function interpolatesAsRuby(code: string): boolean {
  return INTERPOLATION.test(code);
}
