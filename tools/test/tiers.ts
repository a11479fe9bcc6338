/**
 * Which tests `deno task test` runs, and which `deno task test:long` runs.
 * `deno task test:all` runs both.
 * @module
 */

/**
 * Slow tests: files and folders, relative to the root of the tree. Every
 * promise of the README also has a test outside this list.
 */
export const LONG: Readonly<Record<string, string>> = {
  "tests/soak": "random work for a minute in CI, 20 s elsewhere",
  "tests/fuzz": "thousands of generated requests, answers and states",
  "tests/failing_system_calls": "one daemon for each system call that can fail",
  "tests/systemd": "boots a systemd in namespaces for each test",
  "tests/exec/bytes_test.ts": "every pair of bytes",
  "tests/socket_kinds/occupied_paths_test.ts":
    "each kind of file at each kind of path",
  "tests/socket_kinds/serving_test.ts":
    "each way to serve on each kind of socket",
  "tests/recipes/foreign_examples_test.ts":
    "three reloads of each example, with two seconds for each to get ready",
  "tests/policy/denied_spellings_test.ts": "each spelling of an address",
  "tests/limits/early_exhaustion_test.ts":
    "300 clients at the start of three generations, twice",
  "tests/packages/published_packages_test.ts":
    "runs each package and each example as published",
  "tests/haproxy/draining_test.ts":
    "reloads while connections stay open, with time limits",
  "tests/haproxy/ending_test.ts": "a HAProxy that does not end, and its grace",
  "tests/haproxy/failures_under_load_test.ts":
    "failing reloads, each with a time limit",
  "tests/haproxy/reloads_under_load_test.ts":
    "twenty reloads with connections that last",
  "tests/activate/frameworks_reloads_test.ts":
    "ten reloads of each framework under load",
  "tests/completions/shells_test.ts": "thirty lines in each of three shells",
  "tests/environments/unreadable_deno_test.ts":
    "copies of Deno that a user may not read",
  "tests/pages/run_commands_test.ts":
    "runs each command of each page, with packages that are installed for it",
  "tests/pages/typescript_test.ts":
    "type-checks each program of each page with the packages as published",
  "tests/serve_command/reloads_test.ts":
    "twenty reloads under load, and twelve broken modules",
  "tests/packages/check_packages_test.ts":
    "type-checks every package as published, again and again",
  "tests/holders/damaged_sockets_test.ts":
    "sixteen acts of a holder on eighteen kinds of address, twice",
  "tests/holders/succession_test.ts":
    "the same before a re-exec and two takeovers",
  "tests/shards/members_test.ts":
    "what holders do to sockets of a group, one group for each act",
  "tests/shards/load_long_test.ts":
    "twenty growths and twenty shrinkings under load",
  "tests/upgrade/each_broken_version_test.ts":
    "31 broken versions, each with a daemon of its own",
  "tests/haproxy/killing_test.ts":
    "kills under load, with the pauses before a restart",
  "tests/reexec/endurance_test.ts": "thirty generations, and a thousand binds",
  "tests/run_restart/watchdog_kill_test.ts":
    "a program that ignores SIGABRT for five seconds",
  "tests/upgrade/bursts_test.ts": "three hundred signals, thirty generations",
  "tests/upgrade/ten_thousand_binds_test.ts": "ten thousand binds",
  "tests/workers/under_load_long_test.ts":
    "twenty reloads of four workers, forty growths and shrinkings",
  "tests/on_demand/rounds_long_test.ts":
    "twenty rounds of idle and wake, ten services at once",
  "tests/bench/workers_long_test.ts":
    "a benchmark with reloads, growths and shrinkings",
  "tests/policy/swapped_directory_long_test.ts":
    "12,000 binds in a directory that another program swaps",
  "tests/run_readiness/programs_test.ts":
    "programs in Python, Deno and gunicorn, which take seconds to start or to fail",
};

/** The folders that only a command below can run. */
export const OF_COMMANDS: readonly string[] = ["tests/versions"];

/** Other test commands that `deno task test:long` runs, with their reasons. */
export const LONG_COMMANDS: Readonly<Record<string, string>> = {
  "test:versions": "the tests of what depends on Deno, with each version",
  "test:aarch64": "an emulated processor: a start of Deno takes 2 s",
};

/**
 * The folders and commands that take the longest, longest first. They start
 * first, so that no processor is idle while the last part runs.
 */
export const LONGEST_FIRST: readonly string[] = [
  "test:versions",
  "test:aarch64",
  "tests/systemd",
  "tests/haproxy",
  "tests/upgrade",
  "tests/policy",
  "tests/holders",
  "tests/socket_kinds",
  "tests/recipes",
  "tests/failing_system_calls",
  "tests/soak",
  "tests/run",
];

/** The folders whose tests may be skipped where all are required, as in CI. */
export const MAY_SKIP: Readonly<Record<string, string>> = {
  "tests/compiled": "npm does not have the runtime of deno compile",
};
