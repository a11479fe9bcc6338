/**
 * Two sockets that are connected to each other (socketpair(2)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Descriptor } from "../files/descriptor.ts";
import { check } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";

/** A connected pair of stream sockets, close-on-exec and blocking. */
export function socketPair(): [Descriptor, Descriptor] {
  const ends = new Int32Array(2);
  check(
    libc().socketpair(
      abi.AF_UNIX,
      abi.SOCK_STREAM | abi.SOCK_CLOEXEC,
      0,
      new Uint8Array(ends.buffer),
    ),
    "socketpair",
  );
  return [new Descriptor(ends[0]!), new Descriptor(ends[1]!)];
}
