/**
 * The tests that the emulated processor runs: those of the C library, structs,
 * the kernel's interfaces, and a daemon from start to end. The tests that
 * cannot work there are named, each with its reason.
 * @module
 */

import type { LeftOut, Skipped } from "../other_denos/left_out.ts";

/** Folders and files, from the tree's root. */
export const SELECTED: readonly string[] = [
  "tests/ffi",
  "tests/protocol",
  "tests/binds",
  "tests/reexec",
  "tests/serve/adoption_test.ts",
];

const MESSAGES =
  "messages: JavaScript, the same on every processor; batches_test.ts sends them with descriptors";

/** Files below {@linkcode SELECTED} whose subject does not depend on the processor. */
export const SAME: Skipped = {
  "tests/protocol/address_test.ts": MESSAGES,
  "tests/protocol/all_or_nothing_test.ts": MESSAGES,
  "tests/protocol/counters_test.ts": MESSAGES,
  "tests/protocol/errors_test.ts": MESSAGES,
  "tests/protocol/framing_test.ts": MESSAGES,
  "tests/protocol/ids_test.ts": MESSAGES,
  "tests/protocol/requests_test.ts": MESSAGES,
  "tests/binds/identity_test.ts":
    "which addresses are equal: JavaScript, the same on every processor",
  "tests/binds/log_test.ts": "the format of the log",
};

const TCP_INFO = "qemu returns only four bytes of TCP_INFO";
const SOCK_DIAG = "qemu does not support sock_diag(7)";
const PEER_GROUPS = "qemu returns only four bytes of SO_PEERGROUPS";
const SETTLED = "/proc shows the emulator's signal handlers, not those of Deno";
const MASKS = "/proc shows the emulator's threads and signal masks";
const SPAWN = "qemu reports an exec that fails as exit status 127";
const BYTES =
  "which bytes and texts a state holds: JavaScript; the other tests of the file re-execute a daemon";
const BUSY =
  "fifty clients beside an emulated check of the new version, which has 15 s";
const QUANTITY =
  "many starts, which do not depend on the processor and take minutes";

/** The tests that are not run, and why. */
export const LEFT_OUT: LeftOut = {
  "tests/ffi/accept_queue_test.ts": {
    "tcp: a connection is in the accept queue until it is accepted": TCP_INFO,
    "unix: a connection is in the accept queue until it is accepted": SOCK_DIAG,
    "seqpacket: a connection is in the accept queue until it is accepted":
      SOCK_DIAG,
    "AcceptQueues tells many sockets apart, also more than fit into one netlink message":
      SOCK_DIAG,
    "in another network namespace the accept queue of tcp is known": TCP_INFO,
    "without a spare descriptor the accept queue of tcp is known": TCP_INFO,
  },
  "tests/ffi/open_sockets_test.ts": {
    "the open tcp sockets of a port are found by inode, as long as they are open":
      SOCK_DIAG,
    "the open udp sockets of a port are found by inode, as long as they are open":
      SOCK_DIAG,
  },
  "tests/ffi/peer_groups_test.ts": {
    "all of 64 supplementary groups are reported": PEER_GROUPS,
    "all of 65 supplementary groups are reported": PEER_GROUPS,
    "all of 1000 supplementary groups are reported": PEER_GROUPS,
  },
  "tests/protocol/status_test.ts": {
    "status counts open descriptors as the kernel does": SETTLED,
  },
  "tests/binds/backlog_test.ts": {
    "the default backlog is 1000 connections": TCP_INFO,
    "the accept queue has the length of the option backlog": TCP_INFO,
    "a second bind changes the backlog of the held socket": TCP_INFO,
    "a bind without backlog leaves the backlog unchanged": TCP_INFO,
  },
  "tests/binds/endurance_test.ts": {
    "10,000 binds and closes leak neither descriptors nor memory": QUANTITY,
  },
  "tests/binds/failures_test.ts": {
    "a failed bind leaves neither a held socket nor a descriptor": SETTLED,
  },
  "tests/binds/sockets_test.ts": {
    ":PORT is one socket that accepts IPv4 and IPv6": TCP_INFO,
  },
  "tests/binds/succession_test.ts": {
    "after a service is killed, the next one accepts waiting connections":
      TCP_INFO,
  },
  "tests/reexec/clients_test.ts": {
    "clients that connect during a re-exec wait and are answered": BUSY,
    "a request that a re-exec interrupts at any byte is answered once": BYTES,
    "a multi-byte character that a re-exec interrupts is read correctly": BYTES,
    "a request that waits for a name during a re-exec is answered once": BYTES,
    "a client that disconnects during a re-exec is dropped": BYTES,
  },
  "tests/reexec/inherited_state_test.ts": {
    "MULTIBINDER_STATE=1 of another process is ignored": BYTES,
    "MULTIBINDER_STATE= of another process is ignored": BYTES,
    "MULTIBINDER_STATE=nonsense of another process is ignored": BYTES,
    "MULTIBINDER_STATE=999999999:3 of another process is ignored": BYTES,
    "a daemon with a state that is of another format exits with an error of one line":
      BYTES,
    "a daemon with a state that is not JSON exits with an error of one line":
      BYTES,
  },
  "tests/reexec/reexec_test.ts": {
    'the command line is the same after a re-exec: it\'s "quoted" $HOME.sock':
      BYTES,
    "the command line is the same after a re-exec: two words.sock": BYTES,
  },
  "tests/reexec/endurance_test.ts": {
    "thirty re-execs leak neither descriptors nor memory": QUANTITY,
  },
  "tests/reexec/kinds_test.ts": {
    "options are still set after a re-exec, and can be changed": TCP_INFO,
  },
  "tests/reexec/missing_binary_test.ts": {
    "the old generation keeps serving if the new program cannot be executed":
      SPAWN,
  },
  "tests/reexec/signals_test.ts": {
    "a hundred SIGUSR1 lose no bind and do not kill the daemon": QUANTITY,
    "no signal stays blocked once the next generation listens": MASKS,
    "every thread of the daemon blocks SIGUSR1, before and after Deno installs its handler":
      MASKS,
  },
};
