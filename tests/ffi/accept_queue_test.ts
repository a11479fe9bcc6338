import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  AcceptQueues,
  type QueueKind,
  socketInode,
  waitingConnections,
} from "../../ffi/sockets/accept_queue.ts";
import { Descriptor, setCloseOnExec } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import {
  acceptConnection,
  bindSocket,
  listenOn,
  newSocket,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import {
  localAddress,
  type SocketAddress,
} from "../../ffi/sockets/socket_address.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { eventually } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";

const KINDS: readonly QueueKind[] = ["tcp", "unix", "seqpacket"];

/** A listening socket of this process, and its connected clients. */
class Queue implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #type: "stream" | "seqpacket";
  readonly #address: SocketAddress;
  readonly fd: number;

  constructor(readonly kind: QueueKind) {
    this.#type = kind === "seqpacket" ? "seqpacket" : "stream";
    const wanted: SocketAddress = kind === "tcp"
      ? { family: "ipv4", host: "127.0.0.1", port: 0 }
      : { family: "unix", path: `@multibinder-${crypto.randomUUID()}` };
    this.fd = this.#stack.use(
      newSocket(wanted, this.#type, { nonblocking: true }),
    ).fd;
    bindSocket(this.fd, wanted);
    listenOn(this.fd, 100);
    this.#address = kind === "tcp" ? localAddress(this.fd) : wanted;
  }

  connect(): void {
    const socket = this.#stack.use(newSocket(this.#address, this.#type));
    assertEquals(tryConnect(socket.fd, this.#address), 0);
  }

  /** Waits until the queue has `count`: a handshake may end after connect(2). */
  async holds(count: number): Promise<void> {
    const waiting = () => waitingConnections(this.fd, this.kind);
    await eventually(
      () => `${count} in the accept queue, not ${waiting()}`,
      () => waiting() === count,
    );
  }

  accept(): void {
    const fd = acceptConnection(this.fd);
    assert(fd !== -1);
    this.#stack.use(new Descriptor(fd));
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

for (const kind of KINDS) {
  Deno.test(`${kind}: a connection is in the accept queue until it is accepted`, async () => {
    using queue = new Queue(kind);
    const waiting = () => waitingConnections(queue.fd, kind);
    assertEquals(waiting(), 0);
    for (let count = 1; count <= 7; count++) {
      queue.connect();
      await queue.holds(count);
    }
    queue.accept();
    queue.accept();
    assertEquals(waiting(), 5);
  });
}

Deno.test("AcceptQueues tells many sockets apart, also more than fit into one netlink message", async () => {
  using stack = new DisposableStack();
  const queues = Array.from({ length: 1500 }, (_, index) => {
    const queue = stack.use(new Queue(KINDS[index % KINDS.length]!));
    if (index % 100 < 3) queue.connect();
    return queue;
  });
  for (const queue of queues.filter((_, index) => index % 100 < 3)) {
    await queue.holds(1);
  }
  const look = new AcceptQueues();
  assertEquals(
    queues.map(({ fd, kind }) => look.of(fd, kind)?.waiting),
    queues.map((_, index) => index % 100 < 3 ? 1 : 0),
  );
});

Deno.test("AcceptQueues leaves no descriptor open", async () => {
  using queue = new Queue("unix");
  await withoutLeak(() => {
    for (let count = 0; count < 10; count++) {
      waitingConnections(queue.fd, "unix");
    }
    return Promise.resolve();
  });
});

Deno.test("the inode is the one in /proc/PID/fd", () => {
  for (const kind of KINDS) {
    using queue = new Queue(kind);
    const link = Deno.readLinkSync(`/proc/self/fd/${queue.fd}`);
    assertEquals(link, `socket:[${socketInode(queue.fd)}]`);
  }
});

Deno.test("an invalid descriptor is an OsError", () => {
  for (const kind of KINDS) {
    const error = assertThrows(() => waitingConnections(-1, kind), OsError);
    assertEquals(error.code, "EBADF");
  }
  assertEquals(assertThrows(() => socketInode(-1), OsError).code, "EBADF");
});

async function waitingIn(
  under: readonly string[],
  queue: Queue,
  ...more: string[]
): Promise<unknown> {
  setCloseOnExec(queue.fd, false);
  const [command = "", ...args] = [
    ...under,
    Deno.execPath(),
    "run",
    "-A",
    treePath("tests/support/ffi/accept_queue_program.ts"),
    queue.kind,
    String(queue.fd),
    ...more,
  ];
  await using program = Program.start(command, { args });
  const { output, errors } = await program.end();
  assert(output !== "", errors);
  return JSON.parse(output).waiting;
}

for (const [kind, expected] of [["tcp", 1], ["unix", null]] as const) {
  const what = expected === null ? "not known" : "known";
  Deno.test({
    name: `in another network namespace the accept queue of ${kind} is ${what}`,
    ignore: Deno.uid() !== 0 || await lacks("unshare"),
    fn: async () => {
      using queue = new Queue(kind);
      queue.connect();
      assertEquals(await waitingIn(["unshare", "--net"], queue), expected);
    },
  });

  Deno.test(`without a spare descriptor the accept queue of ${kind} is ${what}`, async () => {
    using queue = new Queue(kind);
    queue.connect();
    assertEquals(await waitingIn([], queue, "full"), expected);
  });
}
