import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { bindAll, BindError, ProtocolError } from "../../client.ts";
import {
  type Descriptor,
  spareDescriptor,
} from "../../ffi/files/descriptor.ts";
import {
  bindSocket,
  listenOn,
  newSocket,
  streamSocket,
} from "../../ffi/sockets/socket.ts";
import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";
import type { Answer } from "../../protocol.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { Scratch } from "../support/tree.ts";
import {
  type FakeConnection,
  FakeServer,
  type Request,
} from "../support/client/fake_server.ts";

const LOOPBACK: InternetAddress = {
  family: "ipv4",
  host: "127.0.0.1",
  port: 0,
};

function udpSocket(): Descriptor {
  const socket = newSocket(LOOPBACK, "datagram");
  bindSocket(socket.fd, LOOPBACK);
  return socket;
}

function granted({ id }: Pick<Request, "id">): Answer {
  return { jsonrpc: "2.0", id, result: true };
}

function refused(
  { id }: Pick<Request, "id">,
  code: number,
  data?: unknown,
): Answer {
  return { jsonrpc: "2.0", id, error: { code, message: `no ${code}`, data } };
}

function send(
  connection: FakeConnection,
  message: unknown,
  ...sockets: Descriptor[]
): void {
  connection.send(
    JSON.stringify(message) + "\n",
    sockets.map(({ fd }) => fd),
  );
  for (const socket of sockets) socket.close();
}

/** What a server answers to `status` and to a batch of two. */
type Answers = (connection: FakeConnection, requests: Request[]) => void;

async function bindTwo(answer: Answers): Promise<unknown> {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  return await withoutLeak(async () => {
    await using _server = new FakeServer(sock, async (connection) => {
      for (let request; (request = await connection.request());) {
        const message: unknown = request;
        if (Array.isArray(message)) answer(connection, message);
        else connection.send(JSON.stringify({ id: request.id, result: {} }));
      }
    });
    return await bindAll(["udp://127.0.0.1:0", "udp://127.0.0.2:0"], {
      sock,
      timeout: 30_000,
    }).then((bindings) => {
      for (const binding of bindings) binding.close();
      return bindings.length;
    });
  });
}

Deno.test("bindAll accepts an answer with every socket", async () => {
  const count = await bindTwo((connection, requests) =>
    send(connection, requests.map(granted), udpSocket(), udpSocket())
  );
  assertEquals(count, 2);
});

const MISTAKES: [what: string, says: string, answer: Answers][] = [
  [
    "lacks a socket",
    "1 descriptors",
    (connection, requests) =>
      send(connection, requests.map(granted), udpSocket()),
  ],
  [
    "has no socket",
    "0 descriptors",
    (connection, requests) => send(connection, requests.map(granted)),
  ],
  [
    "has one socket too many",
    "3 descriptors",
    (connection, requests) =>
      send(
        connection,
        requests.map(granted),
        udpSocket(),
        udpSocket(),
        udpSocket(),
      ),
  ],
  [
    "lacks an answer",
    "1 of 2",
    (connection, [first]) =>
      send(connection, [granted(first!)], udpSocket(), udpSocket()),
  ],
  [
    "has one answer too many",
    "3 of 2",
    (connection, requests) =>
      send(
        connection,
        [...requests, requests[0]!].map(granted),
        udpSocket(),
        udpSocket(),
      ),
  ],
  [
    "has the id of another request",
    '"7"',
    (connection, [, second]) =>
      send(
        connection,
        [granted({ id: "7" }), granted(second!)],
        udpSocket(),
        udpSocket(),
      ),
  ],
  [
    "is in another order",
    "answered",
    (connection, requests) =>
      send(
        connection,
        requests.toReversed().map(granted),
        udpSocket(),
        udpSocket(),
      ),
  ],
  [
    "is empty",
    "0 of 2",
    (connection) => send(connection, [], udpSocket()),
  ],
  [
    "is not an array",
    "not an array",
    (connection, [first]) =>
      send(connection, granted(first!), udpSocket(), udpSocket()),
  ],
  [
    "is an array without objects",
    "not an object",
    (connection) => send(connection, [1, null], udpSocket()),
  ],
  [
    "has a descriptor that is not a socket",
    "not a listening socket",
    (connection, requests) =>
      send(connection, requests.map(granted), udpSocket(), spareDescriptor()!),
  ],
  [
    "has a socket that does not listen",
    "not a listening socket",
    (connection, requests) =>
      send(
        connection,
        requests.map(granted),
        udpSocket(),
        streamSocket(LOOPBACK),
      ),
  ],
  [
    "has a socket of another kind",
    "tcp",
    (connection, requests) => {
      const address: InternetAddress = { ...LOOPBACK };
      const listening = streamSocket(address);
      bindSocket(listening.fd, address);
      listenOn(listening.fd, 1);
      send(connection, requests.map(granted), udpSocket(), listening);
    },
  ],
];

for (const [what, says, answer] of MISTAKES) {
  Deno.test(`bindAll throws a ProtocolError for an answer that ${what}, and leaves no descriptor open`, async () => {
    const error = await assertRejects(() => bindTwo(answer), ProtocolError);
    assertStringIncludes(error.message, says);
  });
}

for (const order of [["own", "undone"], ["undone", "own"]]) {
  Deno.test(`bindAll throws the error that caused the others and closes a socket beside it: ${order.join(", ")}`, async () => {
    const error = await assertRejects(
      () =>
        bindTwo((connection, requests) =>
          send(
            connection,
            requests.map((request, index) =>
              order[index] === "own"
                ? refused(request, 10001)
                : refused(request, 10000, { undone: true })
            ),
            udpSocket(),
          )
        ),
      BindError,
    );
    assertEquals(error.code, 10001);
  });
}

Deno.test("bindAll throws the first error if every error says undone", async () => {
  const error = await assertRejects(
    () =>
      bindTwo((connection, requests) =>
        send(
          connection,
          requests.map((each) => refused(each, 10000, { undone: true })),
        )
      ),
    BindError,
  );
  assertEquals(error.data, { undone: true });
});

Deno.test("bindAll throws one error for the whole batch", async () => {
  const error = await assertRejects(
    () =>
      bindTwo((connection) =>
        send(connection, {
          jsonrpc: "2.0",
          id: null,
          error: { code: -32600, message: "Invalid request: too long" },
        })
      ),
    BindError,
  );
  assertEquals(error.code, -32600);
});
