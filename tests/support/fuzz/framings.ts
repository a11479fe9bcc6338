/**
 * Ways to send requests and to read the answers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { RawConnection } from "../raw_connection.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import { type Expected, expectedFor } from "./expected_answers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Sends bytes on a connection and may shut it down or close it. */
type Framing = (
  connection: RawConnection,
  bytes: Bytes,
  random: Random,
) => Promise<void>;

/** A way to send requests. */
export interface Way {
  readonly what: string;
  readonly send: Framing;
  /** Whether all answers are read. */
  readonly reads: boolean;
}

function* piecesOf(bytes: Bytes, count: number, random: Random) {
  let from = 0;
  for (let piece = 1; piece < count; piece++) {
    const to = from + random.below(bytes.length - from + 1);
    yield bytes.subarray(from, to);
    from = to;
  }
  yield bytes.subarray(from);
}

async function inPieces(
  connection: RawConnection,
  bytes: Bytes,
  random: Random,
): Promise<void> {
  for (const piece of piecesOf(bytes, 2 + random.below(6), random)) {
    if (!await connection.send(piece)) return;
    // Lets the daemon receive the piece.
    await new Promise((resolve) => setTimeout(resolve));
  }
}

async function withDescriptors(
  connection: RawConnection,
  bytes: Bytes,
  random: Random,
): Promise<void> {
  const count = random.of([1, 2, 100, 253]);
  const ours = Array<number>(count).fill(connection.fd);
  if (bytes.length > 0) await connection.sendDescriptors(bytes, ours);
}

async function whole(connection: RawConnection, bytes: Bytes): Promise<void> {
  await connection.send(bytes);
}

/** Every way to send requests. */
export const WAYS: readonly Way[] = [
  { what: "whole", send: whole, reads: true },
  { what: "in pieces", send: inPieces, reads: true },
  { what: "with descriptors", send: withDescriptors, reads: true },
  { what: "and disconnects", send: whole, reads: false },
  {
    what: "half of it and disconnects",
    send: (connection, bytes, random) =>
      whole(connection, bytes.subarray(0, random.below(bytes.length + 1))),
    reads: false,
  },
  {
    what: "shuts down its side and disconnects",
    send: async (connection, bytes) => {
      await connection.send(bytes);
      connection.endWriting();
    },
    reads: false,
  },
  {
    what: "reads one answer and disconnects",
    send: async (connection, bytes) => {
      await connection.send(bytes);
      connection.endWriting();
      await connection.next();
    },
    reads: false,
  },
];

/** A random way to send requests. */
export function wayOf(random: Random): Way {
  return random.of([WAYS[0]!, WAYS[1]!, ...WAYS]);
}

type Message = { id?: unknown; result?: unknown; error?: { code: number } };

function assertAnswer(answer: Message, id: unknown): void {
  assertEquals(JSON.stringify(answer.id), JSON.stringify(id));
  const { result, error } = answer;
  assert(("result" in answer) !== (error !== undefined), "both or neither");
  assert(result !== undefined || Number.isInteger(error?.code), "no code");
}

/** Asserts that an answer has one descriptor for each granted socket. */
function grantsIn(answers: Message[], asked: unknown): number {
  const requests = [asked].flat() as ({ method?: unknown } | null)[];
  return answers.filter(({ result }, index) =>
    result === true && requests[index]?.method === "bind"
  ).length;
}

/** Reads to the end and asserts that every answer comes once and in order. */
async function assertAnswered(
  connection: RawConnection,
  { ids, messages }: Expected,
): Promise<void> {
  let read = 0;
  for (let line; (line = await connection.next()) !== undefined; read++) {
    const answer: Message | Message[] = JSON.parse(line.text);
    const id = ids[read];
    assert(read < ids.length, `an answer too many: ${line.text}`);
    if (Array.isArray(id)) {
      assert(Array.isArray(answer) && answer.length === id.length, line.text);
      answer.forEach((each, index) => assertAnswer(each, id[index]));
    } else {
      assert(!Array.isArray(answer), line.text);
      assertAnswer(answer, id);
    }
    // Answers belong to known messages as long as all messages were JSON.
    if (messages.length === ids.length) {
      const grants = grantsIn([answer].flat(), messages[read]);
      assertEquals(line.descriptors.length, grants, line.text);
    }
  }
  assertEquals(read, ids.length, "answers are missing");
}

/** Sends the bytes in a way and asserts the answers. */
export async function sendIn(
  way: Way,
  sock: string,
  bytes: Bytes,
  random: Random,
): Promise<void> {
  using connection = RawConnection.open(sock);
  await way.send(connection, bytes, random);
  if (!way.reads) return;
  connection.endWriting();
  await assertAnswered(connection, expectedFor(bytes));
}
