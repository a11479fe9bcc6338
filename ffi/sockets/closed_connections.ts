/**
 * Notices that TCP connections have been closed, in any process: the kernel sends
 * a message for each TCP socket that it destroys (sock_diag(7),
 * SKNLGRP_INET_TCP_DESTROY of <linux/sock_diag.h>, Linux 4.5).
 *
 * @module
 */
import { Descriptor } from "../files/descriptor.ts";
import { abi } from "../libc/abi.ts";
import { check, OsError } from "../libc/errno.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { attachFilter, Code, type Instruction } from "./classic_bpf.ts";
import { receive } from "./socket.ts";

const { inet_diag_msg, inet_diag_sockid, nlmsghdr, sockaddr_nl } = abi.layouts;

const LOCAL_PORT = nlmsghdr.size + inet_diag_msg.id +
  inet_diag_sockid.idiag_sport;

/** Takes the messages about sockets with one of these ports, and no others. */
function filterFor(ports: readonly number[]): Instruction[] {
  return [
    [Code.LOAD_HALF, LOCAL_PORT],
    ...ports.map((port, index): Instruction => [
      Code.JUMP_IF_EQUAL,
      port,
      ports.length - index,
    ]),
    [Code.RETURN, 0],
    [Code.RETURN, abi.UINT_MAX],
  ];
}

/** Joins the groups of both families (netlink(7)). */
function join(fd: number): void {
  const address = new Uint8Array(sockaddr_nl.size);
  const view = viewOf(address);
  view.setUint16(sockaddr_nl.nl_family, abi.AF_NETLINK, true);
  const groups = [abi.SKNLGRP_INET_TCP_DESTROY, abi.SKNLGRP_INET6_TCP_DESTROY]
    .reduce((bits, group) => bits | 1 << (group - 1), 0);
  view.setUint32(sockaddr_nl.nl_groups, groups, true);
  check(libc().bind(fd, address, address.length), "bind", "sock_diag");
}

/** The TCP connections of some local ports that are closed from now on. */
export class ClosedConnections implements Disposable {
  readonly #socket: Descriptor;
  readonly #message = new Uint8Array(nlmsghdr.size);

  private constructor(socket: Descriptor) {
    this.#socket = socket;
  }

  /**
   * Begins to notice them; `undefined` where the kernel or a sandbox does not
   * report them.
   *
   * @param ports at most 253
   */
  static at(ports: readonly number[]): ClosedConnections | undefined {
    const type = abi.SOCK_RAW | abi.SOCK_CLOEXEC;
    const fd = libc().socket(abi.AF_NETLINK, type, abi.NETLINK_SOCK_DIAG);
    if (fd === -1) return undefined;
    using onFailure = new DisposableStack();
    const socket = onFailure.use(new Descriptor(fd));
    try {
      attachFilter(fd, filterFor(ports));
      join(fd);
    } catch (error) {
      if (error instanceof OsError) return undefined;
      throw error;
    }
    onFailure.move();
    return new ClosedConnections(socket);
  }

  /** Whether a connection has been closed since the last call. */
  takeAny(): boolean {
    let any = false;
    try {
      while (receive(this.#socket.fd, this.#message) !== -1) any = true;
      return any;
    } catch (error) {
      // ENOBUFS: there were more messages than the socket has room for.
      if (error instanceof OsError) return true;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
