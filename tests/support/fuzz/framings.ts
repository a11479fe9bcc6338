/**
 * Ways to send what was made, and how much of the answers is read.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { sendDescriptors } from "../../../ffi/sockets/descriptor_passing.ts";
import { OsError } from "../../../ffi/libc/errno.ts";
import { RawConnection } from "../raw_connection.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import { type Expected, expectedFor } from "./expected_answers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Sends bytes and does with the connection as it likes. */
type Framing = (
  connection: RawConnection,
  bytes: Bytes,
  random: Random,
) => Promise<void>;

/** What a client does with its requests. */
export interface Way {
  readonly what: string;
  readonly send: Framing;
  /** Whether the answers are read, to the last one. */
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
    // The daemon has a turn of its own.
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
  try {
    const sent = bytes.length === 0
      ? 0
      : sendDescriptors(connection.fd, bytes, ours);
    await connection.send(bytes.subarray(Math.max(sent, 0)));
  } catch (error) {
    if (!(error instanceof OsError && error.code === "EPIPE")) throw error;
  }
}

async function whole(connection: RawConnection, bytes: Bytes): Promise<void> {
  await connection.send(bytes);
}

/** Every way. */
export const WAYS: readonly Way[] = [
  { what: "whole", send: whole, reads: true },
  { what: "in pieces", send: inPieces, reads: true },
  { what: "with descriptors", send: withDescriptors, reads: true },
  { what: "and hangs up", send: whole, reads: false },
  {
    what: "half of it and hangs up",
    send: (connection, bytes, random) =>
      whole(connection, bytes.subarray(0, random.below(bytes.length + 1))),
    reads: false,
  },
  {
    what: "shuts its side and hangs up",
    send: async (connection, bytes) => {
      await connection.send(bytes);
      connection.endWriting();
    },
    reads: false,
  },
  {
    what: "reads one answer and hangs up",
    send: async (connection, bytes) => {
      await connection.send(bytes);
      connection.endWriting();
      await connection.next();
    },
    reads: false,
  },
];

/** One of the ways. */
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

/** As many descriptors as sockets were granted come with an answer. */
function grantsIn(answers: Message[], asked: unknown): number {
  const requests = [asked].flat() as ({ method?: unknown } | null)[];
  return answers.filter(({ result }, index) =>
    result === true && requests[index]?.method === "bind"
  ).length;
}

/** Reads to the end: every answer once, in order, and nothing else. */
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
    // Which message it was is known as long as all were JSON.
    if (messages.length === ids.length) {
      const grants = grantsIn([answer].flat(), messages[read]);
      assertEquals(line.descriptors.length, grants, line.text);
    }
  }
  assertEquals(read, ids.length, "answers are missing");
}

/** Sends the bytes in a way and sees to it that they are answered. */
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
