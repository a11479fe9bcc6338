import { assert, assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { type Answer, ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { assertOpen, openIn } from "../support/open_descriptors.ts";
import { RawConnection } from "../support/raw_connection.ts";
import {
  type Malformed,
  malformedRequest,
  Random,
} from "../support/bad_clients/malformed_requests.ts";

function numberFrom(variable: string, otherwise: number): number {
  return Number(Deno.env.get(variable) ?? otherwise);
}

const SEED = numberFrom(
  "MULTIBINDER_FUZZ_SEED",
  crypto.getRandomValues(new Uint32Array(1))[0]!,
);
const COUNT = numberFrom("MULTIBINDER_FUZZ_COUNT", 2000);

/** Number of concurrent clients. */
const CLIENTS = 8;

const REFUSALS: ReadonlySet<number> = new Set([
  ErrorCode.PARSE_ERROR,
  ErrorCode.INVALID_REQUEST,
  ErrorCode.METHOD_NOT_FOUND,
  ErrorCode.INVALID_PARAMS,
]);

function assertRefusal(answer: Answer): void {
  assertEquals(answer.jsonrpc, "2.0");
  assert(answer.id !== undefined);
  assert(REFUSALS.has(answer.error?.code ?? 0), JSON.stringify(answer));
  assert(!("result" in answer));
}

/** Sends the request and reads until the daemon closes the connection. */
async function assertRefused(sock: string, request: Malformed): Promise<void> {
  using connection = RawConnection.open(sock);
  for (const piece of request.pieces) await connection.send(piece);
  connection.endWriting();
  const answers = (await connection.answersToEnd()).flat();
  answers.forEach(assertRefusal);
  assert(answers.length > 0 || !request.answered, "closed unanswered");
}

async function client(
  sock: string,
  requests: Iterator<Malformed>,
): Promise<void> {
  for (let next; !(next = requests.next()).done;) {
    const request = next.value;
    try {
      await assertRefused(sock, request);
    } catch (cause) {
      const pieces = request.pieces.map((piece) => piece.toHex());
      throw new Error(
        `MULTIBINDER_FUZZ_SEED=${SEED}, ${request.rule}: ${pieces}`,
        { cause },
      );
    }
  }
}

function* requestsOf(seed: number, count: number): Generator<Malformed> {
  const random = new Random(seed);
  while (count-- > 0) yield malformedRequest(random);
}

Deno.test(`${COUNT} malformed requests are each refused or end their connection, and leak nothing`, async () => {
  await using daemon = await Daemon.start();
  const { sock } = daemon;
  using before = await bind("127.0.0.1", 0, { sock });
  const descriptors = await openIn(daemon.pid);
  const requests = requestsOf(SEED, COUNT);
  await Promise.all(
    Array.from({ length: CLIENTS }, () => client(sock, requests)),
  );
  await assertOpen(daemon.pid, descriptors);
  using after = await bind("127.0.0.1", 0, { sock });
  assertEquals(after.addr, before.addr);
  assertEquals((await daemon.status()).binds, 1);
});

Deno.test("the same seed generates the same malformed requests", () => {
  assertEquals([...requestsOf(1, 100)], [...requestsOf(1, 100)]);
});
