/**
 * Which tests the emulated processor runs: what touches the C library, structs
 * and the kernel's interfaces, and a daemon's whole life. What cannot work
 * there is named here, test by test, with its reason.
 * @module
 */

import type { LeftOut } from "../other_denos/left_out.ts";

/** Folders and files, from the tree's root. */
export const SELECTED: readonly string[] = [
  "tests/ffi",
  "tests/protocol",
  "tests/binds",
  "tests/reexec",
  "tests/serve/adoption_test.ts",
];

const TCP_INFO = "qemu hands on four bytes of TCP_INFO";
const SOCK_DIAG = "qemu knows no netlink socket of sock_diag(7)";
const PEER_GROUPS = "qemu hands on four bytes of SO_PEERGROUPS";
const SETTLED =
  "/proc shows the emulator's signal handlers: when Deno has its own cannot be seen";
const MASKS =
  "/proc shows the emulator's own threads, and masks that it sets for a moment";
const QUANTITY =
  "a matter of how often, not of the processor; minutes where a start takes seconds";

/** The tests that are not run, and why. */
export const LEFT_OUT: LeftOut = {
  "tests/ffi/accept_queue_test.ts": {
    "tcp: who connects waits, until accepted": TCP_INFO,
    "unix: who connects waits, until accepted": SOCK_DIAG,
    "seqpacket: who connects waits, until accepted": SOCK_DIAG,
    "many sockets are told apart in one look, also more than fit into one message of the kernel":
      SOCK_DIAG,
    "in another network namespace the queue of tcp is known all the same":
      TCP_INFO,
    "with no descriptor left the queue of tcp is known all the same": TCP_INFO,
  },
  "tests/ffi/peer_groups_test.ts": {
    "all of 64 supplementary groups are told": PEER_GROUPS,
    "all of 65 supplementary groups are told": PEER_GROUPS,
    "all of 1000 supplementary groups are told": PEER_GROUPS,
  },
  "tests/protocol/all_or_nothing_test.ts": {
    "one address twice in a batch that fails leaves nothing, in one that succeeds one socket":
      SETTLED,
    "a release in a batch that fails stays done, and leaves nothing half done":
      SETTLED,
    "253 binds of which the last fails leave nothing": SETTLED,
  },
  "tests/protocol/status_test.ts": {
    "status counts open descriptors as the kernel does": SETTLED,
  },
  "tests/binds/backlog_test.ts": {
    "1000 connections may wait where no backlog is asked for": TCP_INFO,
    "as many connections may wait as were asked for": TCP_INFO,
    "another backlog takes effect on the socket that is there": TCP_INFO,
    "a bind that names no backlog leaves it as it is": TCP_INFO,
  },
  "tests/binds/endurance_test.ts": {
    "10,000 binds and closes leave descriptors and memory where they were":
      QUANTITY,
  },
  "tests/binds/failures_test.ts": {
    "what could not be bound is not kept, and leaves no descriptor": SETTLED,
  },
  "tests/binds/sockets_test.ts": {
    ":PORT is one socket for IPv4 and IPv6": TCP_INFO,
  },
  "tests/binds/succession_test.ts": {
    "a connection made after a service was killed is served by the next":
      TCP_INFO,
  },
  "tests/reexec/endurance_test.ts": {
    "thirty generations hold no more descriptors and memory than the second":
      QUANTITY,
  },
  "tests/reexec/kinds_test.ts": {
    "options are in the kernel after a re-exec, and change as before": TCP_INFO,
  },
  "tests/reexec/signals_test.ts": {
    "a hundred SIGUSR1 in a row lose no bind and never kill the daemon":
      QUANTITY,
    "no signal stays blocked once the next generation listens": MASKS,
    "no thread of the daemon takes SIGUSR1, at which Deno opens its debugger, before and after Deno has its handler in place":
      MASKS,
  },
};
