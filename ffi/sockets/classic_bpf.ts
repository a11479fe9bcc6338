/**
 * Programs of the classic BPF that the kernel runs for a packet: which socket of a
 * SO_REUSEPORT group gets it, and whether a socket takes it (socket(7), and
 * Documentation/networking/filter.rst of the kernel).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Errno, lastErrno, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";

/** An instruction: its code, its constant, and how far it jumps (if true, if false). */
export type Instruction = readonly [
  code: number,
  k: number,
  jt?: number,
  jf?: number,
];

/** Codes of instructions, from <linux/bpf_common.h>. */
export const Code = {
  /** A = the 4 bytes at k. */
  LOAD_WORD: 0x20,
  /** A = the 2 bytes at k, in network byte order. */
  LOAD_HALF: 0x28,
  /** A = the byte at k. */
  LOAD_BYTE: 0x30,
  /** A = the 2 bytes at X + k. */
  LOAD_HALF_AT_X: 0x48,
  /** X = the length of the IPv4 header at k. */
  LOAD_X_HEADER_LENGTH: 0xb1,
  /** Scratch memory k = A. */
  STORE: 0x02,
  /** X = scratch memory k. */
  LOAD_X_STORED: 0x61,
  /** X = k. */
  LOAD_X: 0x01,
  MULTIPLY: 0x24,
  AND: 0x54,
  SHIFT_RIGHT: 0x74,
  MODULO: 0x94,
  /** A = A xor X. */
  XOR_X: 0xac,
  /** Jumps if A equals k. */
  JUMP_IF_EQUAL: 0x15,
  JUMP: 0x05,
  RETURN: 0x06,
} as const;

/** Offset of a random number among the kernel's own (SKF_AD_OFF + SKF_AD_RANDOM). */
export const RANDOM = 0xfffff000 + 56;

/** Where the IP header begins (SKF_NET_OFF). */
export const NETWORK_HEADER = 0xfff00000;

/** A place that no socket has: the kernel chooses. */
export const NO_PLACE = 0xffffffff;

const { sock_fprog, sock_filter } = abi.layouts;

function bytesOf(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * sock_filter.size);
  const view = viewOf(bytes);
  for (const [index, [code, k, jt = 0, jf = 0]] of program.entries()) {
    const at = index * sock_filter.size;
    view.setUint16(at + sock_filter.code, code, true);
    view.setUint8(at + sock_filter.jt, jt);
    view.setUint8(at + sock_filter.jf, jf);
    view.setUint32(at + sock_filter.k, k, true);
  }
  return bytes;
}

/** setsockopt(2) with a program. Returns 0 or the errno. */
function setProgram(
  fd: number,
  option: number,
  program: readonly Instruction[],
): number {
  using filter = NativeMemory.of(bytesOf(program));
  const bytes = new Uint8Array(sock_fprog.size);
  const view = viewOf(bytes);
  view.setUint16(sock_fprog.len, program.length, true);
  view.setBigUint64(sock_fprog.filter, filter.address, true);
  const { setsockopt } = libc();
  return setsockopt(fd, abi.SOL_SOCKET, option, bytes, bytes.length) === -1
    ? lastErrno()
    : 0;
}

/**
 * Has a program choose the socket of a SO_REUSEPORT group, by its place in the
 * kernel's list. For a place that does not exist the kernel chooses.
 *
 * @param fd a socket of the group
 * @returns 0 or the errno: EINVAL if it is not in a group yet, EPERM if its filter
 * is locked (SO_LOCK_FILTER)
 */
export function tryAttachGroupProgram(
  fd: number,
  program: readonly Instruction[],
): number {
  return setProgram(fd, abi.SO_ATTACH_REUSEPORT_CBPF, program);
}

const noValue = new Uint8Array(4);

/** Has the kernel choose again. Does nothing for a group without a program. */
export function detachGroupProgram(fd: number): void {
  const { SOL_SOCKET, SO_DETACH_REUSEPORT_BPF } = abi;
  const result = libc().setsockopt(
    fd,
    SOL_SOCKET,
    SO_DETACH_REUSEPORT_BPF,
    noValue,
    noValue.length,
  );
  if (result === 0) return;
  const errno = lastErrno();
  if (errno === Errno.ENOENT || errno === Errno.EINVAL) return;
  if (errno === Errno.ENOPROTOOPT) {
    // Before Linux 5.3: a program that chooses no socket. An emulated kernel may have
    // no programs at all.
    tryAttachGroupProgram(fd, [[Code.RETURN, NO_PLACE]]);
    return;
  }
  throw new OsError("setsockopt", errno, "SO_DETACH_REUSEPORT_BPF");
}

/**
 * Attaches a socket filter: the kernel drops packets for which it returns 0.
 *
 * @throws {OsError} EPERM if another filter is locked (SO_LOCK_FILTER).
 */
export function attachFilter(
  fd: number,
  program: readonly Instruction[],
): void {
  const errno = setProgram(fd, abi.SO_ATTACH_FILTER, program);
  if (errno !== 0) throw new OsError("setsockopt", errno, "SO_ATTACH_FILTER");
}

/** The filter is longer or cannot be read, or an emulated kernel has none. */
const IS_OTHER_FILTER: ReadonlySet<number> = new Set([
  Errno.EINVAL,
  Errno.EACCES,
  Errno.ENOPROTOOPT,
]);

/**
 * Whether a socket has this filter.
 *
 * @throws {OsError} EBADF, ENOTSOCK.
 */
export function hasFilter(
  fd: number,
  program: readonly Instruction[],
): boolean {
  const expected = bytesOf(program);
  const found = new Uint8Array(expected.length);
  // The length counts instructions, not bytes.
  const length = Uint32Array.of(program.length);
  const { getsockopt } = libc();
  const result = getsockopt(
    fd,
    abi.SOL_SOCKET,
    abi.SO_GET_FILTER,
    found,
    new Uint8Array(length.buffer),
  );
  if (result === -1) {
    const errno = lastErrno();
    if (IS_OTHER_FILTER.has(errno)) return false;
    throw new OsError("getsockopt", errno, "SO_GET_FILTER");
  }
  return length[0] === program.length &&
    expected.every((byte, index) => byte === found[index]);
}
