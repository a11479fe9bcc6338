/**
 * The programs that keep new connections from sockets of a group: one for the group,
 * which chooses among the others, and a filter for each such socket.
 *
 * @module
 */
import type { InternetKind } from "../../../address.ts";
import {
  Code,
  type Instruction,
  NETWORK_HEADER,
  NO_PLACE,
  RANDOM,
} from "../../../ffi/sockets/classic_bpf.ts";

/** Return values of a filter. */
const DROP = 0;
const KEEP = 0xffffffff;

/** In byte 13 of the TCP header (RFC 9293). */
const SYN_AND_ACK = 0x12;
const SYN = 0x02;

/**
 * Drops the first packet of each connection: the client sends it again, and the
 * program of the group may then choose another socket. Handshakes under way go on.
 */
const TCP_GATE: readonly Instruction[] = [
  [Code.LOAD_BYTE, 13],
  [Code.AND, SYN_AND_ACK],
  [Code.JUMP_IF_EQUAL, SYN, 0, 1],
  [Code.RETURN, DROP],
  [Code.RETURN, KEEP],
];

/** The filter of a socket that gets no new connection or datagram. */
export const GATES: Readonly<Record<InternetKind, readonly Instruction[]>> = {
  tcp: TCP_GATE,
  udp: [[Code.RETURN, DROP]],
};

/** A random number for each connection. */
const RANDOM_NUMBER: readonly Instruction[] = [[Code.LOAD_WORD, RANDOM]];

const ADDRESS = 0;
/** Knuth's multiplicative hash: 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b1;

/**
 * A number that is the same for all datagrams of one address and port, because they
 * may be one conversation, as in QUIC.
 */
const NUMBER_OF_SENDER: readonly Instruction[] = [
  [Code.LOAD_BYTE, NETWORK_HEADER],
  [Code.SHIFT_RIGHT, 4],
  [Code.JUMP_IF_EQUAL, 6, 4, 0],
  // IPv4: the source address is at 12, the header has a length of its own.
  [Code.LOAD_WORD, NETWORK_HEADER + 12],
  [Code.STORE, ADDRESS],
  [Code.LOAD_X_HEADER_LENGTH, NETWORK_HEADER],
  [Code.JUMP, 3],
  // IPv6: the last part of the source address is at 20, the header has 40 bytes.
  [Code.LOAD_WORD, NETWORK_HEADER + 20],
  [Code.STORE, ADDRESS],
  [Code.LOAD_X, 40],
  // The source port is the first field of the UDP header.
  [Code.LOAD_HALF_AT_X, NETWORK_HEADER],
  [Code.LOAD_X_STORED, ADDRESS],
  [Code.XOR_X, 0],
  [Code.MULTIPLY, GOLDEN],
  [Code.SHIFT_RIGHT, 16],
];

/** Chooses evenly among these places of the kernel's list; at least one. */
export function chooserOf(
  kind: InternetKind,
  places: readonly number[],
): Instruction[] {
  return [
    ...(kind === "tcp" ? RANDOM_NUMBER : NUMBER_OF_SENDER),
    [Code.MODULO, places.length],
    ...places.flatMap((place, index): Instruction[] => [
      [Code.JUMP_IF_EQUAL, index, 0, 1],
      [Code.RETURN, place],
    ]),
    [Code.RETURN, NO_PLACE],
  ];
}
