import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Descriptor,
  duplicate,
  isCloseOnExec,
  isNonblocking,
  setCloseOnExec,
  setNonblocking,
  spareDescriptor,
} from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { libc } from "../../ffi/libc/libc.ts";
import { connectedPair } from "../support/ffi/connected_pair.ts";

/** Opens descriptors until one has the number `fd`; the stack owns them. */
function take(fd: number): DisposableStack {
  const taken = new DisposableStack();
  while (taken.use(spareDescriptor()!).fd < fd);
  return taken;
}

function isOpen(fd: number): boolean {
  return libc().fcntl(fd, 1, 0) !== -1;
}

Deno.test("a Descriptor is closed once: a reused number stays open", () => {
  const descriptor = spareDescriptor()!;
  const { fd } = descriptor;
  descriptor.close();
  using _others = take(fd);
  assert(isOpen(fd));
  descriptor.close();
  descriptor[Symbol.dispose]();
  assert(isOpen(fd));
  assert(descriptor.closed);
  assertThrows(() => descriptor.fd, TypeError, "closed");
});

Deno.test("`using` closes a Descriptor", () => {
  using pair = connectedPair();
  {
    using _near = pair.near;
  }
  assert(pair.near.closed);
  assert(!pair.far.closed);
});

Deno.test("release() returns the number without closing it", () => {
  const descriptor = spareDescriptor()!;
  const fd = descriptor.release();
  descriptor.close();
  assert(descriptor.closed);
  assert(isOpen(fd));
  assertThrows(() => descriptor.release(), TypeError, "closed");
  using owner = new Descriptor(fd);
  assertEquals(owner.fd, fd);
});

Deno.test("close-on-exec is set and cleared", () => {
  using descriptor = spareDescriptor()!;
  assert(isCloseOnExec(descriptor.fd));
  setCloseOnExec(descriptor.fd, false);
  assert(!isCloseOnExec(descriptor.fd));
  setCloseOnExec(descriptor.fd, true);
  assert(isCloseOnExec(descriptor.fd));
});

Deno.test("a duplicate shares O_NONBLOCK and is close-on-exec itself", () => {
  using descriptor = spareDescriptor()!;
  setCloseOnExec(descriptor.fd, false);
  using copy = duplicate(descriptor.fd);
  assert(isCloseOnExec(copy.fd));
  setNonblocking(copy.fd, true);
  assert(isNonblocking(descriptor.fd));
  setNonblocking(descriptor.fd, false);
  assert(!isNonblocking(copy.fd));
});

Deno.test("a number that is not open is an OsError with EBADF", () => {
  for (
    const action of [
      () => duplicate(-1),
      () => isCloseOnExec(-1),
      () => setCloseOnExec(-1, true),
      () => isNonblocking(-1),
      () => setNonblocking(-1, true),
    ]
  ) {
    assertEquals(assertThrows(action, OsError).code, "EBADF");
  }
});
