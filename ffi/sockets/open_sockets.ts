/**
 * Which sockets are open at an address, in any process (sock_diag(7)).
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import { statusOfDescriptor } from "../files/file.ts";
import {
  ANY_STATE,
  attributeOf,
  internetRequest,
  readDiagnostics,
  unixRequest,
} from "./sock_diag.ts";
import {
  hostBytes,
  type InternetAddress,
  localAddress,
} from "./socket_address.ts";

const { inet_diag_msg, inet_diag_sockid, unix_diag_msg } = abi.layouts;

const LISTENING = 1 << abi.TCP_LISTEN;

/** Reads the sockets with a local port. Returns whether all were read. */
function readInternetSockets(
  kind: "tcp" | "udp",
  address: Pick<InternetAddress, "family" | "port">,
  states: number,
  read: (message: DataView) => void,
): boolean {
  const request = internetRequest(kind, address, states);
  return readDiagnostics(request, "all", (message) => {
    if (message.byteLength >= inet_diag_msg.size) read(message);
  });
}

/** 0 for a socket that no process has a descriptor of. */
function inodeOf(message: DataView): number {
  return message.getUint32(inet_diag_msg.idiag_inode, true);
}

/**
 * The inodes of the TCP sockets that listen on a port, or of the UDP sockets that are
 * bound to it, in this network namespace; `undefined` where the kernel or a sandbox
 * does not report them.
 */
export function openSocketsAt(
  kind: "tcp" | "udp",
  family: "ipv4" | "ipv6",
  port: number,
): ReadonlySet<string> | undefined {
  const states = kind === "tcp" ? LISTENING : ANY_STATE;
  const found = new Set<string>();
  const isComplete = readInternetSockets(
    kind,
    { family, port },
    states,
    (message) => found.add(String(inodeOf(message))),
  );
  return isComplete ? found : undefined;
}

/** The connections to the address of a listening socket. */
export interface Connections {
  /** Whether there is one: it waits, or a process has accepted and not closed it. */
  readonly isAny: boolean;
  /** Those in the accept queue, each by a text that identifies it. */
  readonly waiting: readonly string[];
}

/**
 * The connections to the address of a listening TCP, UNIX stream or seqpacket socket,
 * whichever process has accepted them. `undefined` where the kernel or a sandbox does
 * not report sockets, and for a socket of another network namespace.
 *
 * @throws {OsError} EBADF, ENOTSOCK.
 */
export function connectionsTo(fd: number): Connections | undefined {
  const address = localAddress(fd);
  const inode = Number(statusOfDescriptor(fd).inode);
  return address.family === "unix"
    ? unixConnections(inode)
    : tcpConnections(address, inode);
}

/** A socket that was closed is in one of these too, without an inode. */
const HALF_CLOSED: readonly number[] = [abi.TCP_FIN_WAIT1, abi.TCP_FIN_WAIT2];

const CONNECTED = [abi.TCP_ESTABLISHED, abi.TCP_CLOSE_WAIT, ...HALF_CLOSED]
  .reduce((bits, state) => bits | 1 << state, 0);

function tcpConnections(
  listener: InternetAddress,
  listenerInode: number,
): Connections | undefined {
  const host = hostBytes(listener);
  const isAnyHost = host.every((byte) => byte === 0);
  let isReported = false;
  let isAny = false;
  const waiting: string[] = [];
  const states = CONNECTED | LISTENING;
  const isComplete = readInternetSockets("tcp", listener, states, (message) => {
    const state = message.getUint8(inet_diag_msg.idiag_state);
    const inode = inodeOf(message);
    if (state === abi.TCP_LISTEN) {
      isReported ||= inode === listenerInode;
      return;
    }
    if (HALF_CLOSED.includes(state) && inode === 0) return;
    const id = bytesIn(message, inet_diag_msg.id, inet_diag_sockid.size);
    const source = id.subarray(inet_diag_sockid.idiag_src);
    if (!isAnyHost && host.some((byte, at) => source[at] !== byte)) return;
    isAny = true;
    if (inode === 0) waiting.push(id.join());
  });
  return isComplete && isReported ? { isAny, waiting } : undefined;
}

/** A connection has the name of the socket that it was accepted from. */
function unixConnections(listenerInode: number): Connections | undefined {
  const request = unixRequest(
    LISTENING | 1 << abi.TCP_ESTABLISHED,
    abi.UDIAG_SHOW_NAME | abi.UDIAG_SHOW_ICONS,
  );
  let name: string | undefined;
  let waiting: string[] = [];
  const connected = new Set<string>();
  const isComplete = readDiagnostics(request, "all", (message) => {
    if (message.byteLength < unix_diag_msg.size) return;
    const found = attributeBytes(message, abi.UNIX_DIAG_NAME)?.join();
    if (found === undefined) return;
    const isListening =
      message.getUint8(unix_diag_msg.udiag_state) === abi.TCP_LISTEN;
    if (!isListening) connected.add(found);
    else if (
      message.getUint32(unix_diag_msg.udiag_ino, true) === listenerInode
    ) {
      name = found;
      waiting = peersIn(message);
    }
  });
  if (!isComplete || name === undefined) return undefined;
  return { isAny: waiting.length > 0 || connected.has(name), waiting };
}

/** The inodes of the peers of the connections in the accept queue. */
function peersIn(message: DataView): string[] {
  const type = abi.UNIX_DIAG_ICONS;
  const value = attributeOf(message, unix_diag_msg.size, type);
  const count = (value?.byteLength ?? 0) / Uint32Array.BYTES_PER_ELEMENT;
  return Array.from(
    { length: count },
    (_, at) => String(value!.getUint32(at * 4, true)),
  );
}

function attributeBytes(
  message: DataView,
  type: number,
): Uint8Array | undefined {
  const value = attributeOf(message, unix_diag_msg.size, type);
  return value && bytesIn(value, 0, value.byteLength);
}

function bytesIn(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
