/**
 * The versions of Deno that are tested, and the tests that depend on Deno. The
 * tests that fail because of a bug of Deno are named, each with its reason.
 * @module
 */

import type { LeftOut, Skipped } from "../other_denos/left_out.ts";

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
  "tests/haproxy/library_test.ts",
  "tests/haproxy/side_by_side_test.ts",
  "tests/versions",
];

const LANGUAGE =
  "no API of Deno: JavaScript that each version runs in the same way";
const KERNEL =
  "what the kernel does; other files here make the same calls through FFI";
const SUPERVISOR =
  "what the supervisor decides; other files here start, signal and end programs";

/** Files below {@linkcode SELECTED} whose subject does not depend on Deno. */
export const SAME: Skipped = {
  "tests/protocol/address_test.ts": LANGUAGE,
  "tests/protocol/all_or_nothing_test.ts": LANGUAGE,
  "tests/protocol/counters_test.ts": LANGUAGE,
  "tests/protocol/errors_test.ts": LANGUAGE,
  "tests/protocol/framing_test.ts": LANGUAGE,
  "tests/protocol/ids_test.ts": LANGUAGE,
  "tests/binds/backlog_test.ts": KERNEL,
  "tests/binds/identity_test.ts": LANGUAGE,
  "tests/binds/log_test.ts": LANGUAGE,
  "tests/serve/restarts_test.ts":
    "forty restarts under load; serve_test.ts of serve_command reloads under load",
  "tests/exec/bytes_test.ts":
    "the environment, which the C library passes; only Deno 2.9 can have such arguments",
  "tests/run/chdir_test.ts": KERNEL,
  "tests/run/command_queue_test.ts": LANGUAGE,
  "tests/run/draining_test.ts": SUPERVISOR,
  "tests/run/init_test.ts": KERNEL,
  "tests/run/restart_backoff_test.ts": LANGUAGE,
  "tests/run/self_replacement_test.ts": SUPERVISOR,
};

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
