/**
 * Sends and receives descriptors as ancillary data: SCM_RIGHTS of unix(7) in
 * the layout of cmsg(3). A msghdr holds pointers, so it lives in native memory.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { Errno, OsError, withoutWaiting } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";
import { setOption } from "./socket.ts";

const { msghdr, iovec, cmsghdr } = abi.layouts;

const align = (length: number) =>
  Math.ceil(length / cmsghdr.align) * cmsghdr.align;

/** CMSG_LEN(3): header and data. */
const controlLength = (descriptors: number) => cmsghdr.size + 4 * descriptors;

/** CMSG_SPACE(3): the same with padding. */
const controlSpace = (descriptors: number) => align(controlLength(descriptors));

const CONTROL_AT = msghdr.size + iovec.size;

/**
 * The offset of the bytes after the control data of `descriptors` descriptors.
 */
const dataAt = (descriptors: number) => CONTROL_AT + controlSpace(descriptors);

/**
 * A msghdr followed by its iovec, control data and bytes. A mirror in
 * JavaScript memory is copied to and from native memory with one memcpy each.
 */
class Message {
  readonly mirror: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly native: NativeMemory;
  /** The number of descriptors that fit. */
  #room = -1;

  constructor(readonly capacity: number) {
    this.mirror = new Uint8Array(dataAt(abi.SCM_MAX_FD) + capacity);
    this.view = viewOf(this.mirror);
    this.native = new NativeMemory(this.mirror.length);
    this.view.setBigUint64(msghdr.msg_iov, this.#at(msghdr.size), true);
    this.view.setBigUint64(msghdr.msg_iovlen, 1n, true);
  }

  #at(offset: number): bigint {
    return this.native.address + BigInt(offset);
  }

  /** Makes room for the control data of `descriptors` descriptors. */
  setRoom(descriptors: number): void {
    const { view } = this;
    // recvmsg(2) overwrites msg_controllen with the length that it used.
    const length = descriptors === 0 ? 0 : controlSpace(descriptors);
    view.setUint32(msghdr.msg_controllen, length, true);
    if (descriptors === this.#room) return;
    this.#room = descriptors;
    const control = descriptors === 0 ? 0n : this.#at(CONTROL_AT);
    const data = this.#at(dataAt(descriptors));
    view.setBigUint64(msghdr.msg_control, control, true);
    view.setBigUint64(msghdr.size + iovec.iov_base, data, true);
  }

  setDataLength(length: number): void {
    this.view.setUint32(msghdr.size + iovec.iov_len, length, true);
  }
}

// A message is built and sent synchronously, so one buffer for each direction
// is enough for the program.
let outgoing: Message | undefined;
let incoming: Message | undefined;

/** Bytes of one message; longer data takes several calls. */
const OUTGOING_CAPACITY = 64 * 1024;
const INCOMING_CAPACITY = 64 * 1024;

/**
 * Sends bytes and descriptors without waiting and without SIGPIPE (sendmsg(2)).
 * Returns the number of bytes sent, or -1 when the buffer is full. The kernel
 * sends the descriptors with the first byte: a positive result means that they
 * are sent.
 *
 * @throws {RangeError} for more than 253 descriptors or no byte.
 * @throws {OsError} EPIPE, ECONNRESET; ETOOMANYREFS when too many descriptors
 * of this user are in flight.
 */
export function sendDescriptors(
  fd: number,
  bytes: Uint8Array<ArrayBuffer>,
  descriptors: readonly number[],
): number {
  const count = descriptors.length;
  if (count > abi.SCM_MAX_FD || bytes.length === 0) {
    throw new RangeError(
      `${count} descriptors with ${bytes.length} bytes: at most ${abi.SCM_MAX_FD} go with one byte or more`,
    );
  }
  const message = outgoing ??= new Message(OUTGOING_CAPACITY);
  const { view, mirror, native } = message;
  const length = Math.min(bytes.length, message.capacity);
  message.setDataLength(length);
  message.setRoom(count);
  view.setUint32(CONTROL_AT + cmsghdr.cmsg_len, controlLength(count), true);
  view.setUint32(CONTROL_AT + cmsghdr.cmsg_len + 4, 0, true);
  view.setInt32(CONTROL_AT + cmsghdr.cmsg_level, abi.SOL_SOCKET, true);
  view.setInt32(CONTROL_AT + cmsghdr.cmsg_type, abi.SCM_RIGHTS, true);
  for (let index = 0; index < count; index++) {
    const at = CONTROL_AT + cmsghdr.size + 4 * index;
    view.setInt32(at, descriptors[index]!, true);
  }
  const data = dataAt(count);
  mirror.set(length === bytes.length ? bytes : bytes.subarray(0, length), data);
  native.write(mirror, data + length);
  const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
  return withoutWaiting(
    "sendmsg",
    () => libc().sendmsg(fd, native.address, flags),
  );
}

/**
 * Has the kernel refuse descriptors that a peer sends to this UNIX socket: its
 * sendmsg(2) fails with EPERM. Accepted connections inherit this.
 *
 * A descriptor that nobody receives is closed by recv(2) and by close(2), and that
 * can block for ever: a TCP socket with SO_LINGER waits until its peer takes what
 * was sent (socket(7)). Before Linux 6.16 the kernel has no SO_PASSRIGHTS, and this
 * does nothing.
 *
 * @throws {OsError} EBADF, ENOTSOCK, EOPNOTSUPP for another family.
 */
export function refuseDescriptors(fd: number): void {
  try {
    setOption(fd, abi.SOL_SOCKET, abi.SO_PASSRIGHTS, 0, "SO_PASSRIGHTS");
  } catch (error) {
    const isUnknown = error instanceof OsError &&
      error.errno === Errno.ENOPROTOOPT;
    if (!isUnknown) throw error;
  }
}

/**
 * Less than the kernel counts for any message. It subtracts the last byte of a
 * message after it has reported that the message was read.
 */
const LESS_THAN_A_MESSAGE = 256;

const unread = new Int32Array(1);
const unreadBytes = new Uint8Array(unread.buffer);

/**
 * Whether the peer of a UNIX stream socket has yet to read something that was
 * sent to it (SIOCOUTQ). False once the peer has closed its socket, and where the
 * kernel does not report it.
 */
export function hasUnread(fd: number): boolean {
  return libc().ioctl(fd, BigInt(abi.SIOCOUTQ), unreadBytes) !== -1 &&
    unread[0]! >= LESS_THAN_A_MESSAGE;
}

/** The result of one recvmsg(2). */
export interface Received {
  /** Empty at the end of the stream. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Close-on-exec. The caller owns them. */
  descriptors: number[];
  /** Whether descriptors were lost because they did not fit (MSG_CTRUNC). */
  truncated: boolean;
}

/**
 * Receives bytes and descriptors without waiting (recvmsg(2)); `undefined` when
 * no data is available. There is room for all descriptors of one message. The
 * kernel sets close-on-exec (MSG_CMSG_CLOEXEC).
 *
 * @throws {OsError} ECONNRESET and the like.
 */
export function receiveDescriptors(fd: number): Received | undefined {
  const message = incoming ??= new Message(INCOMING_CAPACITY);
  const { view, mirror, native } = message;
  message.setDataLength(message.capacity);
  message.setRoom(abi.SCM_MAX_FD);
  native.write(mirror, CONTROL_AT);
  const flags = abi.MSG_DONTWAIT | abi.MSG_CMSG_CLOEXEC;
  const length = withoutWaiting(
    "recvmsg",
    () => libc().recvmsg(fd, native.address, flags),
  );
  if (length === -1) return undefined;
  const data = dataAt(abi.SCM_MAX_FD);
  native.read(mirror, 0, data + length);
  return {
    bytes: mirror.slice(data, data + length),
    descriptors: descriptorsIn(view),
    truncated: (view.getInt32(msghdr.msg_flags, true) & abi.MSG_CTRUNC) !== 0,
  };
}

function descriptorsIn(view: DataView<ArrayBuffer>): number[] {
  const descriptors: number[] = [];
  const end = CONTROL_AT +
    Number(view.getBigUint64(msghdr.msg_controllen, true));
  let at = CONTROL_AT;
  while (at + cmsghdr.size <= end) {
    const length = Number(view.getBigUint64(at + cmsghdr.cmsg_len, true));
    if (length < cmsghdr.size) break;
    if (
      view.getInt32(at + cmsghdr.cmsg_level, true) === abi.SOL_SOCKET &&
      view.getInt32(at + cmsghdr.cmsg_type, true) === abi.SCM_RIGHTS
    ) {
      const last = Math.min(at + length, end);
      for (let data = at + cmsghdr.size; data + 4 <= last; data += 4) {
        descriptors.push(view.getInt32(data, true));
      }
    }
    at += align(length);
  }
  return descriptors;
}
