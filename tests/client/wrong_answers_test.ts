import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  bind,
  BindError,
  connect,
  ProtocolError,
  TimeoutError,
} from "../../client.ts";
import {
  type Descriptor,
  spareDescriptor,
} from "../../ffi/files/descriptor.ts";
import {
  bindSocket,
  listenOn,
  streamSocket,
} from "../../ffi/sockets/socket.ts";
import type { InternetAddress } from "../../ffi/sockets/socket_address.ts";
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

function listeningSocket(): Descriptor {
  const socket = streamSocket(LOOPBACK);
  bindSocket(socket.fd, LOOPBACK);
  listenOn(socket.fd, 1);
  return socket;
}

function noSocket(): Descriptor {
  return spareDescriptor()!;
}

function success(id: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result: true }) + "\n";
}

function send(text: string, ...made: Descriptor[]) {
  return (connection: FakeConnection) => {
    connection.send(text, made.map(({ fd }) => fd));
    for (const each of made) each.close();
  };
}

interface Mistake {
  what: string;
  says: string;
  answer(connection: FakeConnection, request: Request): void;
}

const MISTAKES: Mistake[] = [
  {
    what: "two sockets",
    says: "2 descriptors",
    answer: (connection, { id }) =>
      send(success(id), listeningSocket(), listeningSocket())(connection),
  },
  {
    what: "no socket",
    says: "0 descriptors",
    answer: (connection, { id }) => send(success(id))(connection),
  },
  {
    what: "a descriptor that is not a socket",
    says: "a descriptor that is not a listening socket",
    answer: (connection, { id }) => send(success(id), noSocket())(connection),
  },
  {
    what: "a socket that does not listen",
    says: "a descriptor that is not a listening socket",
    answer: (connection, { id }) =>
      send(success(id), streamSocket(LOOPBACK))(connection),
  },
  {
    what: "another request's id",
    says: '"7"',
    answer: (connection) => send(success("7"), listeningSocket())(connection),
  },
  {
    what: "a success without an id",
    says: "undefined",
    answer: (connection) =>
      send(success(undefined), listeningSocket())(connection),
  },
  {
    what: "garbage",
    says: "not JSON",
    answer: (connection) => send("HTTP/1.1 400\r\n\r\n")(connection),
  },
  {
    what: "garbage with a socket",
    says: "not JSON",
    answer: (connection) => send("?", listeningSocket())(connection),
  },
  {
    what: "text that only looks like JSON",
    says: "not JSON",
    answer: (connection) => send("{result: true}\n")(connection),
  },
  {
    what: "bytes that are not UTF-8",
    says: "not JSON",
    answer: (connection) =>
      connection.send(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)),
  },
  {
    what: "an array",
    says: "answered undefined",
    answer: (connection) => send("[1]\n", listeningSocket())(connection),
  },
  {
    what: "half an answer with a socket",
    says: "is incomplete",
    answer: (connection, { id }) =>
      send(success(id).slice(0, 20), listeningSocket())(connection),
  },
];

for (const { what, says, answer } of MISTAKES) {
  Deno.test(`an answer that is ${what} is a ProtocolError, and no descriptor stays open`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    await withoutLeak(async () => {
      await using _server = new FakeServer(sock, async (connection) => {
        answer(connection, (await connection.request())!);
      });
      const error = await assertRejects(
        () => bind("127.0.0.1", 0, { sock }),
        ProtocolError,
      );
      assertStringIncludes(error.message, says);
    });
  });
}

Deno.test("an error answer is a BindError, and a socket beside it is closed", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await withoutLeak(async () => {
    await using _server = new FakeServer(sock, async (connection) => {
      const { id } = (await connection.request())!;
      const error = { code: 10001, message: "no", data: { why: "policy" } };
      send(JSON.stringify({ id, error }), listeningSocket())(connection);
    });
    const error = await assertRejects(() => bind(":0", { sock }), BindError);
    assertEquals([error.code, error.message, error.data], [10001, "no", {
      why: "policy",
    }]);
  });
});

Deno.test("an error without an id is the answer to the pending request", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await using _server = new FakeServer(sock, async (connection) => {
    await connection.request();
    connection.send('{"error":{"code":-32601,"message":"unknown"}}');
  });
  const error = await assertRejects(() => bind(":0", { sock }), BindError);
  assertEquals(error.code, -32601);
});

for (const first of [1, 20]) {
  Deno.test(`an answer may arrive in pieces, with its socket at the first ${first} bytes`, async () => {
    await using scratch = await Scratch.make();
    const sock = scratch.join("control.sock");
    await withoutLeak(async () => {
      await using _server = new FakeServer(sock, async (connection) => {
        const { id } = (await connection.request())!;
        const text = success(id);
        send(text.slice(0, first), listeningSocket())(connection);
        for (const byte of text.slice(first)) {
          await new Promise((resolve) => setTimeout(resolve));
          connection.send(byte);
        }
        await connection.gone();
      });
      using web = await bind("127.0.0.1", 0, { sock });
      assertEquals(web.addr.transport, "tcp");
    });
  });
}

Deno.test("the client connects again if the connection ends before the answer", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  const asked: (string | undefined)[] = [];
  await withoutLeak(async () => {
    await using _server = new FakeServer(sock, async (connection, number) => {
      const request = await connection.request();
      asked.push(request?.method);
      if (number === 3) {
        send(success(request?.id), listeningSocket())(connection);
      }
    });
    using web = await bind("127.0.0.1", 0, { sock });
    assertEquals(web.addr.transport, "tcp");
  });
  assertEquals(asked, ["bind", "bind", "bind", "bind"]);
});

Deno.test("connections that always end before the answer lead to a TimeoutError", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  let asked = 0;
  await withoutLeak(async () => {
    await using _server = new FakeServer(sock, async (connection) => {
      await connection.request();
      asked++;
    });
    await assertRejects(
      () => bind("127.0.0.1", 0, { sock, timeout: 1000 }),
      TimeoutError,
      "gave up after 1000 ms",
    );
  });
  assert(asked > 0);
});

Deno.test("a session connects again after an invalid answer", async () => {
  await using scratch = await Scratch.make();
  const sock = scratch.join("control.sock");
  await withoutLeak(async () => {
    await using _server = new FakeServer(sock, async (connection, number) => {
      for (let request; (request = await connection.request());) {
        if (number === 0) send("nonsense")(connection);
        else send(success(request.id), listeningSocket())(connection);
      }
    });
    using session = await connect({ sock });
    await assertRejects(() => session.bind(":0"), ProtocolError);
    (await session.bind(":0")).close();
    (await session.bind(":0")).close();
  });
});
