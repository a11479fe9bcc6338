/**
 * The versions of Deno that are tested, and the tests that depend on Deno. The
 * tests that fail because of a bug of Deno are named, each with its reason.
 * @module
 */

import type { LeftOut } from "../other_denos/left_out.ts";

/** The oldest supported version, two between, and the newest. */
export const VERSIONS = ["2.5.7", "2.7.14", "2.8.3", "2.9.6"] as const;

/** A version that is too old to be supported. */
export const UNSUPPORTED = "2.4.4";

/** Folders and files, from the tree's root. */
export const SELECTED: readonly string[] = [
  "tests/ffi",
  "tests/protocol",
  "tests/binds",
  "tests/reexec",
  "tests/serve",
  "tests/spawn",
  "tests/exec",
  "tests/run",
  "tests/serve_command/serve_test.ts",
  "tests/activate/deno_servers_test.ts",
  "tests/haproxy/reload_test.ts",
  "tests/versions",
];

/** A bug of Deno that makes a test fail. */
interface Fault {
  /** What Deno does. */
  readonly reason: string;
  /** The versions above that have it. */
  readonly versions: readonly string[];
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

/** Known bugs of Deno. */
export const FAULTS: readonly Fault[] = [
  {
    reason:
      "Deno.serve hangs where a request body is streamed through a transform into the response",
    versions: ["2.8.3"],
    tests: {
      "tests/serve/serve_test.ts": [
        "serve: request and response stream at the same time",
      ],
    },
  },
  {
    reason:
      "Deno.serve closes a persistent connection after a request with a longer body",
    versions: ["2.8.3"],
    tests: {
      "tests/serve/serve_test.ts": [
        "serve: a connection serves one request after another",
      ],
    },
  },
  {
    reason: "DENO_SERVE_ADDRESS moves every server of a program, not the first",
    versions: ["2.5.7"],
    tests: {
      "tests/serve/adoption_test.ts": [
        "DENO_SERVE_ADDRESS does not take a server off its socket",
      ],
    },
  },
];

/** The tests that a version does not run. */
export function leftOutIn(version: string): LeftOut {
  const found: Record<string, Record<string, string>> = {};
  for (const { reason, versions, tests } of FAULTS) {
    if (!versions.includes(version)) continue;
    for (const [file, names] of Object.entries(tests)) {
      for (const name of names) (found[file] ??= {})[name] = reason;
    }
  }
  return found;
}
