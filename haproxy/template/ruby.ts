import { bareCode } from "./bare_code.ts";

/** Patterns of Ruby that are unlikely in JavaScript. Strings are empty. */
const RUBY: readonly RegExp[] = [
  /\bdo\s*(\|[^|]*\|)?\s*$/,
  /\{\s*\|[^|]*\|/,
  /^\s*end\s*$/,
  /(^|[\s,({])(:\w+|"")\s*=>/,
  /\bbind_(tcp|udp|unix)[ \t]+["\w]/,
  // Keyword arguments. A brace would begin an object, a question mark a condition.
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

/** A hint for code that looks like Ruby; `undefined` for other code. */
export function rubyHint(code: string): string | undefined {
  const bare = bareCode(code);
  return RUBY.some((each) => each.test(bare)) ? HINT : undefined;
}

/**
 * Whether a string contains `#{}`. It is valid JavaScript, which puts the braces
 * into the configuration unchanged.
 */
export function interpolatesAsRuby(code: string): boolean {
  return INTERPOLATION.test(code);
}
