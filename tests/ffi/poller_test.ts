import { assert, assertEquals, assertThrows } from "@std/assert";
import { abi } from "../../ffi/libc/abi.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { Interest, Poller } from "../../ffi/files/poller.ts";
import { send } from "../../ffi/sockets/socket.ts";
import { within } from "../support/program.ts";
import { connectedPair } from "../support/ffi/connected_pair.ts";

const BYTE = Uint8Array.of(1);

function readyNow(poller: Poller): Map<number, number> {
  const found = new Map<number, number>();
  poller.poll(0, (fd, events) => found.set(fd, events));
  return found;
}

Deno.test("a descriptor is reported while it is ready", () => {
  using pair = connectedPair();
  using poller = new Poller();
  const { fd } = pair.far;
  poller.add(fd, Interest.READ);
  assertEquals(readyNow(poller), new Map());
  send(pair.near.fd, BYTE);
  assertEquals(readyNow(poller), new Map([[fd, abi.EPOLLIN]]));
  assertEquals(readyNow(poller), new Map([[fd, abi.EPOLLIN]]));
  poller.change(fd, Interest.WRITE);
  assertEquals(readyNow(poller), new Map([[fd, abi.EPOLLOUT]]));
  poller.change(fd, Interest.READ | Interest.WRITE);
  assertEquals(
    readyNow(poller),
    new Map([[fd, abi.EPOLLIN | abi.EPOLLOUT]]),
  );
  poller.remove(fd);
  assertEquals(readyNow(poller), new Map());
});

Deno.test("a hang-up is reported for every interest", () => {
  using pair = connectedPair();
  using poller = new Poller();
  const { fd } = pair.far;
  poller.add(fd, 0);
  pair.near.close();
  assert((readyNow(poller).get(fd)! & abi.EPOLLHUP) !== 0);
});

Deno.test("more ready descriptors than one batch are reported in turns", () => {
  using poller = new Poller();
  using pairs = new DisposableStack();
  const expected = new Set<number>();
  for (let count = 0; count < 300; count++) {
    const { far } = pairs.use(connectedPair());
    poller.add(far.fd, Interest.WRITE);
    expected.add(far.fd);
  }
  const seen = new Set<number>();
  for (let turn = 0; turn < 100 && seen.size < expected.size; turn++) {
    for (const fd of readyNow(poller).keys()) seen.add(fd);
  }
  assertEquals(seen, expected);
});

const nothing = () => assert(false, "no descriptor is ready");

Deno.test("wait() reports a descriptor that becomes ready", async () => {
  using pair = connectedPair();
  using poller = new Poller();
  poller.add(pair.far.fd, Interest.READ);
  const found = new Map<number, number>();
  const waiting = poller.wait(-1, (fd, events) => found.set(fd, events));
  send(pair.near.fd, BYTE);
  await within(waiting, "a ready descriptor");
  assertEquals(found, new Map([[pair.far.fd, abi.EPOLLIN]]));
});

Deno.test("an edge is reported once, by wait() or by poll()", async () => {
  using pair = connectedPair();
  using poller = new Poller();
  const { fd } = pair.far;
  poller.add(fd, Interest.PEER_HAS_READ);
  const found: number[] = [];
  await within(poller.wait(-1, (fd) => found.push(fd)), "the first edge");
  assertEquals(found, [fd]);
  assertEquals(readyNow(poller), new Map());
});

Deno.test("poll() ends after its timeout, and when a descriptor is ready", () => {
  using pair = connectedPair();
  using poller = new Poller();
  poller.add(pair.far.fd, Interest.READ);
  assertEquals(poller.poll(1, nothing), 0);
  send(pair.near.fd, BYTE);
  assertEquals(poller.poll(-1, () => {}), 1);
});

Deno.test("wait() ends after its timeout", async () => {
  using poller = new Poller();
  await within(poller.wait(1, nothing), "the end of a millisecond");
  assertEquals(readyNow(poller), new Map());
});

Deno.test("wake() ends a wait, and is not reported", async () => {
  using poller = new Poller();
  const waiting = poller.wait(-1, nothing);
  poller.wake();
  await within(waiting, "the end of a wait");
  assertEquals(readyNow(poller), new Map());
  await within(poller.wait(1, nothing), "the end of a millisecond");
});

Deno.test("a poller cannot be closed during a wait", async () => {
  const poller = new Poller();
  const waiting = poller.wait(-1, nothing);
  assertThrows(() => poller[Symbol.dispose](), TypeError, "wake it first");
  poller.wake();
  await within(waiting, "the end of a wait");
  poller[Symbol.dispose]();
});

Deno.test("adding a descriptor twice, or removing an unknown one, is an OsError", () => {
  using pair = connectedPair();
  using poller = new Poller();
  const { fd } = pair.far;
  const codeOf = (action: () => void) => assertThrows(action, OsError).code;
  assertEquals(codeOf(() => poller.change(fd, Interest.READ)), "ENOENT");
  assertEquals(codeOf(() => poller.remove(fd)), "ENOENT");
  poller.add(fd, Interest.READ);
  assertEquals(codeOf(() => poller.add(fd, Interest.READ)), "EEXIST");
  assertEquals(codeOf(() => poller.add(-1, Interest.READ)), "EBADF");
});
