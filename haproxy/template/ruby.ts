/** What is Ruby and either no JavaScript or something else in it. */
const RUBY: readonly RegExp[] = [
  /\bdo\b\s*(\|[^|]*\|)?\s*$/,
  /\{\s*\|[^|]*\|/,
  /^\s*end\b/,
  /(^|[\s,({])(:\w+|["'][^"']*["'])\s*=>/,
  /\bbind_(tcp|udp|unix)\s+["'\w]/,
  /\bbind_(tcp|udp|unix)\([^)]*\w+:\s/,
  /^\s*(unless|elsif|puts|require)\b/,
  /^\s*(if|while|until)\s+[^(\s]/,
  /\b(nil|then)\b/,
  /\.(each|nil\?|empty\?|to_i|to_s)\b/,
];

const INTERPOLATION = /"[^"\n]*#\{[^"\n]*"/;

const HINT =
  "this looks like Ruby: write it in JavaScript, such as <% for (const port of [80, 81]) { %> ... <% } %>";

/** What to do about code that looks like Ruby, if it does. */
export function rubyHint(code: string): string | undefined {
  return RUBY.some((each) => each.test(code)) ? HINT : undefined;
}

/**
 * Whether there is a string with `#{}` in it, which would come out as it
 * stands there: in JavaScript it is no mistake that anything would notice.
 */
export function interpolatesAsRuby(code: string): boolean {
  return INTERPOLATION.test(code);
}
