import { assert } from "@std/assert";
import {
  bindAll,
  BindError,
  type Binding,
  connect,
  OsError,
  ProtocolError,
  TimeoutError,
} from "../../client.ts";
import {
  type Descriptor,
  spareDescriptor,
} from "../../ffi/files/descriptor.ts";
import { bindSocket, listenOn, newSocket } from "../../ffi/sockets/socket.ts";
import {
  type FakeConnection,
  FakeServer,
  type Request,
} from "../support/client/fake_server.ts";
import { withoutLeak } from "../support/descriptor_leak.ts";
import { within } from "../support/program.ts";
import type { Random } from "../support/bad_clients/malformed_requests.ts";
import { Scratch } from "../support/tree.ts";
import { mutated } from "../support/fuzz/mutations.ts";
import { casesFor, inCase } from "../support/fuzz/seed.ts";

const CASES = casesFor(5_000);

/** Number of concurrent clients. */
const CLIENTS = 8;

/** Timeout of a call, in ms: a call whose connection ends is retried. */
const TIMEOUT = 40;

const LOOPBACK = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;

function socketFor(random: Random): Descriptor {
  if (random.below(8) === 0) return spareDescriptor()!;
  const type = random.of(["stream", "stream", "datagram"] as const);
  const socket = newSocket(LOOPBACK, type);
  bindSocket(socket.fd, LOOPBACK);
  if (type === "stream" && random.below(8) > 0) listenOn(socket.fd, 1);
  return socket;
}

/** The answer of a real daemon. */
function answerTo({ id, method }: Request, random: Random): unknown {
  const error = { code: 10000, message: "Could not bind: no", data: null };
  if (random.below(8) === 0) return { jsonrpc: "2.0", id, error };
  const result = method === "list" ? [] : method === "status" ? {} : true;
  return { jsonrpc: "2.0", id, result };
}

/** Usually the right number of descriptors. */
function descriptorsFor(requests: Request[], random: Random): Descriptor[] {
  const right = requests.filter(({ method }) => method === "bind").length;
  const count = random.of([right, right, right, 0, 1, 2, 5]);
  return Array.from({ length: count }, () => socketFor(random));
}

/** Runs `action`; ignores that the client has disconnected. */
async function nextRequest(
  connection: FakeConnection,
): Promise<Request | Request[] | undefined> {
  try {
    return await connection.request();
  } catch (error) {
    if (error instanceof OsError && error.code === "ECONNRESET") {
      return undefined;
    }
    throw error;
  }
}

/** Sends a mutated answer, and sometimes disconnects. */
async function serve(
  connection: FakeConnection,
  random: Random,
): Promise<void> {
  for (let asked; (asked = await nextRequest(connection)) !== undefined;) {
    const requests = [asked].flat();
    const answers = requests.map((each) => answerTo(each, random));
    const message = Array.isArray(asked) ? answers : answers[0];
    const bytes = mutated(message, random);
    const descriptors = descriptorsFor(requests, random);
    if (bytes.length > 0) {
      const cut = random.of([bytes.length, 1 + random.below(bytes.length)]);
      connection.send(bytes.subarray(0, cut), descriptors.map(({ fd }) => fd));
      if (cut < bytes.length) connection.send(bytes.subarray(cut));
      if (random.below(2) === 0) connection.send("\n");
    }
    for (const each of descriptors) each.close();
    if (random.below(3) > 0) return;
  }
}

/** Makes one call and closes its result. */
async function callOn(sock: string, random: Random): Promise<void> {
  const limits = { sock, timeout: TIMEOUT };
  const closeAll = (bindings: Binding[]) => {
    for (const each of bindings) each.close();
  };
  const method = random.of([
    "bind",
    "bind",
    "bindAll",
    "list",
    "status",
    "release",
  ]);
  if (method === "bindAll") {
    closeAll(await bindAll(["127.0.0.1:0", ":0"], limits));
    return;
  }
  using session = await connect(limits);
  if (method === "bind") closeAll([await session.bind("127.0.0.1", 0)]);
  else if (method === "list") await session.list();
  else if (method === "status") await session.status();
  else await session.release("127.0.0.1", 0);
}

function isDocumented(error: unknown): boolean {
  return [BindError, ProtocolError, TimeoutError, OsError]
    .some((type) => error instanceof type);
}

Deno.test(`${CASES} mutated answers: a call resolves correctly or rejects as documented, and leaks no descriptor`, async () => {
  await using scratch = await Scratch.make();
  let resolved = 0;
  let rejected = 0;
  const attempt = async (random: Random, sock: string) => {
    try {
      await within(callOn(sock, random), "the end of a call");
      resolved++;
    } catch (error) {
      if (!isDocumented(error)) throw error;
      rejected++;
    }
  };
  await withoutLeak(async () => {
    let next = 0;
    await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
      const sock = scratch.join(`${client}`);
      let number = 0;
      let answering: Random;
      await using _server = new FakeServer(
        sock,
        (connection) => serve(connection, answering),
      );
      while ((number = next++) < CASES) {
        await inCase(number, () => "a client", (random) => {
          answering = random;
          return attempt(random, sock);
        });
      }
    }));
  });
  assert(resolved > 0 && rejected > 0, `${resolved} and ${rejected}`);
});
