import { assert, assertEquals, assertExists, assertThrows } from "@std/assert";
import { abi } from "../../ffi/libc/abi.ts";
import {
  Descriptor,
  isCloseOnExec,
  setCloseOnExec,
  spareDescriptor,
} from "../../ffi/files/descriptor.ts";
import {
  receiveDescriptors,
  sendDescriptors,
} from "../../ffi/sockets/descriptor_passing.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { send } from "../../ffi/sockets/socket.ts";
import { connectedPair } from "../support/ffi/connected_pair.ts";

const HELLO = new TextEncoder().encode("hello");

function inode(fd: number): string {
  return Deno.readLinkSync(`/proc/self/fd/${fd}`);
}

for (const count of [0, 1, 2, 252, 253]) {
  Deno.test(`${count} descriptors arrive in order, close-on-exec`, () => {
    using pair = connectedPair();
    using one = spareDescriptor()!;
    setCloseOnExec(one.fd, false);
    const sent = Array.from(
      { length: count },
      (_, index) => [one.fd, pair.near.fd, pair.far.fd][index % 3]!,
    );
    assertEquals(sendDescriptors(pair.near.fd, HELLO, sent), HELLO.length);
    const received = receiveDescriptors(pair.far.fd);
    assertExists(received);
    using owned = new DisposableStack();
    for (const fd of received.descriptors) owned.use(new Descriptor(fd));
    assertEquals(received.bytes, HELLO);
    assertEquals(received.truncated, false);
    assertEquals(received.descriptors.map(inode), sent.map(inode));
    assert(received.descriptors.every(isCloseOnExec));
    assert(!isCloseOnExec(one.fd));
  });
}

Deno.test("254 descriptors, one more than the kernel's limit, are refused", () => {
  using pair = connectedPair();
  const fds = Array.from({ length: abi.SCM_MAX_FD + 1 }, () => pair.near.fd);
  assertThrows(
    () => sendDescriptors(pair.near.fd, HELLO, fds),
    RangeError,
    "254 descriptors",
  );
  assertEquals(receiveDescriptors(pair.far.fd), undefined);
});

Deno.test("descriptors without a byte are refused: the kernel would not send them", () => {
  using pair = connectedPair();
  const none = new Uint8Array(0);
  for (const fds of [[], [pair.near.fd]]) {
    assertThrows(() => sendDescriptors(pair.near.fd, none, fds), RangeError);
  }
  assertEquals(receiveDescriptors(pair.far.fd), undefined);
});

Deno.test("descriptors arrive with the first byte of their message", () => {
  using pair = connectedPair();
  send(pair.near.fd, HELLO);
  sendDescriptors(pair.near.fd, HELLO, [pair.near.fd]);
  send(pair.near.fd, HELLO);
  const counts: number[] = [];
  let bytes = 0;
  while (bytes < 3 * HELLO.length) {
    const received = receiveDescriptors(pair.far.fd);
    assertExists(received);
    bytes += received.bytes.length;
    counts.push(received.descriptors.length);
    for (const fd of received.descriptors) new Descriptor(fd).close();
  }
  assertEquals(counts.reduce((sum, count) => sum + count), 1);
});

Deno.test("a long message is sent in parts, its descriptors with the first part", () => {
  using pair = connectedPair();
  const long = crypto.getRandomValues(new Uint8Array(65_536 - 1024));
  const bytes = new Uint8Array(200_000);
  for (let at = 0; at < bytes.length; at += long.length) {
    bytes.set(long.subarray(0, bytes.length - at), at);
  }
  const arrived: number[] = [];
  let descriptors = 0;
  let sent = 0;
  while (arrived.length < bytes.length) {
    if (sent < bytes.length) {
      const fds = sent === 0 ? [pair.near.fd] : [];
      sent += Math.max(
        0,
        sendDescriptors(pair.near.fd, bytes.subarray(sent), fds),
      );
    }
    const received = receiveDescriptors(pair.far.fd);
    assertExists(received);
    arrived.push(...received.bytes);
    descriptors += received.descriptors.length;
    for (const fd of received.descriptors) new Descriptor(fd).close();
  }
  assertEquals(descriptors, 1);
  assertEquals(new Uint8Array(arrived), bytes);
});

Deno.test("sending to a full buffer returns -1", () => {
  using pair = connectedPair();
  const block = new Uint8Array(32 * 1024);
  let turns = 0;
  while (sendDescriptors(pair.near.fd, block, [pair.near.fd]) !== -1) {
    assert(++turns < 1000);
  }
  let descriptors = 0;
  for (let received; (received = receiveDescriptors(pair.far.fd));) {
    descriptors += received.descriptors.length;
    for (const fd of received.descriptors) new Descriptor(fd).close();
  }
  assertEquals(descriptors, turns);
});

Deno.test("the end of the stream is 0 bytes, and an empty buffer is undefined", () => {
  using pair = connectedPair();
  assertEquals(receiveDescriptors(pair.far.fd), undefined);
  pair.near.close();
  assertEquals(receiveDescriptors(pair.far.fd), {
    bytes: new Uint8Array(0),
    descriptors: [],
    truncated: false,
  });
});

Deno.test("sending to a closed peer is EPIPE, without SIGPIPE", () => {
  using pair = connectedPair();
  pair.far.close();
  const error = assertThrows(
    () => sendDescriptors(pair.near.fd, HELLO, [pair.near.fd]),
    OsError,
  );
  assertEquals([error.code, error.syscall], ["EPIPE", "sendmsg"]);
});

Deno.test("a descriptor that is not open is EBADF, and nothing is sent", () => {
  using pair = connectedPair();
  const error = assertThrows(
    () => sendDescriptors(pair.near.fd, HELLO, [-1]),
    OsError,
  );
  assertEquals(error.code, "EBADF");
  assertEquals(receiveDescriptors(pair.far.fd), undefined);
});
