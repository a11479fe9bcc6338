/**
 * The receiving end of sd_notify(3): datagrams with the credentials of their
 * sender (SCM_CREDENTIALS, unix(7)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import type { Descriptor } from "../files/descriptor.ts";
import { withoutWaiting } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { NativeMemory, viewOf } from "../libc/memory.ts";
import {
  bindSocket,
  type Peer,
  setOption,
  unixDatagramSocket,
} from "../sockets/socket.ts";

const { msghdr, iovec, cmsghdr, ucred } = abi.layouts;

/** In bytes. Longer messages are cut; systemd has the same limit. */
const CAPACITY = 4096;

// Room for the credentials only: the kernel puts them first and closes passed
// descriptors.
const CONTROL = Math.ceil((cmsghdr.size + ucred.size) / cmsghdr.align) *
  cmsghdr.align;
const CONTROL_AT = msghdr.size + iovec.size;
const DATA_AT = CONTROL_AT + CONTROL;

const decoder = new TextDecoder();

/** A message and its sender. */
export interface Notification {
  /** `NAME=value`. */
  assignments: string[];
  sender: Peer;
}

/** A socket that NOTIFY_SOCKET can name. */
export class NotificationSocket implements Disposable {
  readonly #socket: Descriptor = unixDatagramSocket();
  readonly #message = new Uint8Array(DATA_AT + CAPACITY);
  readonly #native = new NativeMemory(this.#message.length);

  /**
   * Binds the socket to `name`, in the abstract namespace if it begins with
   * `@`.
   */
  constructor(readonly name: string) {
    try {
      setOption(
        this.#socket.fd,
        abi.SOL_SOCKET,
        abi.SO_PASSCRED,
        1,
        "SO_PASSCRED",
      );
      bindSocket(this.#socket.fd, { family: "unix", path: name });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The descriptor, readable when a message has arrived. */
  get fd(): number {
    return this.#socket.fd;
  }

  /** Receives one message without waiting; `undefined` when there is none. */
  receive(): Notification | undefined {
    const view = viewOf(this.#message);
    const at = (offset: number) => this.#native.address + BigInt(offset);
    view.setBigUint64(msghdr.msg_iov, at(msghdr.size), true);
    view.setBigUint64(msghdr.msg_iovlen, 1n, true);
    view.setBigUint64(msghdr.msg_control, at(CONTROL_AT), true);
    view.setBigUint64(msghdr.msg_controllen, BigInt(CONTROL), true);
    view.setBigUint64(msghdr.size + iovec.iov_base, at(DATA_AT), true);
    view.setBigUint64(msghdr.size + iovec.iov_len, BigInt(CAPACITY), true);
    this.#native.write(this.#message, CONTROL_AT);
    const flags = abi.MSG_DONTWAIT | abi.MSG_CMSG_CLOEXEC;
    const length = withoutWaiting(
      "recvmsg",
      () => libc().recvmsg(this.fd, this.#native.address, flags),
    );
    return length === -1 ? undefined : this.#read(length);
  }

  #read(length: number): Notification {
    this.#native.read(this.#message, 0, DATA_AT + length);
    const view = viewOf(this.#message);
    const type = view.getInt32(CONTROL_AT + cmsghdr.cmsg_type, true);
    if (type !== abi.SCM_CREDENTIALS) {
      throw new TypeError("a datagram without credentials of its sender");
    }
    const credentials = CONTROL_AT + cmsghdr.size;
    const text = decoder.decode(
      this.#message.subarray(DATA_AT, DATA_AT + length),
    );
    return {
      assignments: text.split("\n").filter((each) => each !== ""),
      sender: {
        pid: view.getInt32(credentials + ucred.pid, true),
        uid: view.getUint32(credentials + ucred.uid, true),
        gid: view.getUint32(credentials + ucred.gid, true),
      },
    };
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#socket.close();
    this.#native[Symbol.dispose]();
  }
}
