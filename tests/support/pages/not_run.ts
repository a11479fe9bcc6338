/**
 * Commands of the pages that the tests do not run, with reasons. They are parsed,
 * and the options of multibinder's programs in them are compared with --help.
 *
 * @module
 */

/** Blocks that another test runs, by page and heading. */
export const OTHER_TESTS: Readonly<Record<string, string>> = {
  "docs/haproxy.md:From nothing to a reload under load":
    "tests/recipes/haproxy_document_test.ts runs them",
};

/** Commands that cannot be run on the test machine, or not by a test. */
export const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [
    /\bsystemctl\b|^systemd-|\/etc\/systemd\//,
    "needs the machine's service manager: tests/systemd",
  ],
  [/^(docker|podman|kubectl) /, "not on the test machine: tests/containers"],
  [/haproxy-multi@|\/etc\/haproxy\//, "a unit: tests/systemd installs it"],
  [
    /^npx .* task (demo|test)\b/,
    ".ci/run runs the tests, tests/examples the demo",
  ],
  [/^deno task (check|test)\b/, ".ci/run runs it"],
  [/^export JSR_URL=https:/, "JSR is not reachable"],
  [
    /^deno task compile\b/,
    "npm has no denort: tests/compiled, where there is one",
  ],
  [/\/usr\/local\/bin\/multibinder\b/, "the compiled binary: tests/compiled"],
  [/^kill .*\.\.\.$/, "abbreviated"],
];

/** Why the commands of a block are not run one after another. */
export function otherTestOf(
  { page, heading }: { page: string; heading: string },
): string | undefined {
  return OTHER_TESTS[`${page}:${heading}`];
}

/** Why a command is not run. */
export function reasonNotToRun(command: string): string | undefined {
  return NOT_RUN.find(([pattern]) => pattern.test(command))?.[1];
}
