/**
 * A client that sends requests and compares each answer with the model.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Answer, RequestId } from "../../../protocol.ts";
import { type Way, WAYS } from "../fuzz/framings.ts";
import type { RawConnection } from "../raw_connection.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";
import type { Model } from "./model.ts";
import type { Place } from "./places.ts";
import type { PolicyInForce } from "./policies.ts";
import { encodedMessage, type Message } from "./requests.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How bytes are sent to the daemon. */
type Delivery = Way["send"];

async function byteByByte(
  connection: RawConnection,
  bytes: Bytes,
): Promise<void> {
  for (let at = 0; at < bytes.length; at++) {
    await connection.send(bytes.subarray(at, at + 1));
  }
}

/** Ways of a client that reads its answers. */
const DELIVERIES: readonly Delivery[] = [
  ...WAYS.filter(({ reads }) => reads).map(({ send }) => send),
  byteByByte,
];

const encoder = new TextEncoder();

/** What the answers are compared with. */
export interface Expectations {
  readonly model: Model;
  readonly policies: PolicyInForce;
}

/** Called with each received socket, which is closed afterwards. */
export type Receiver = (place: Place, fd: number) => Promise<void>;

const ignored: Receiver = () => Promise.resolve();

let lastId = 0;

/** Request ids: numbers and strings. */
function nextId(): RequestId {
  lastId++;
  return lastId % 2 === 0 ? lastId : `id ${lastId}`;
}

/** The messages of one connection, in order. */
export class Exchange {
  readonly #expectations: Expectations;
  readonly #connection: RawConnection;
  readonly #messages: readonly (Message & { ids: readonly RequestId[] })[];
  readonly #mark: number;
  /** The bytes to send. */
  readonly bytes: Bytes;

  constructor(
    expectations: Expectations,
    connection: RawConnection,
    messages: readonly Message[],
  ) {
    this.#expectations = expectations;
    this.#connection = connection;
    this.#messages = messages.map((message) => ({
      ...message,
      ids: message.requests.map(nextId),
    }));
    this.#mark = expectations.policies.mark;
    const texts = this.#messages.map((each) => encodedMessage(each, each.ids));
    this.bytes = encoder.encode(texts.join(""));
  }

  /** Sends all bytes, in one piece or in many. */
  async send(random: Random): Promise<void> {
    await random.of(DELIVERIES)(this.#connection, this.bytes, random);
  }

  /** Sends all bytes in one piece, or a part of them. */
  async sendAtOnce(from = 0, to = this.bytes.length): Promise<void> {
    await this.#connection.send(this.bytes.subarray(from, to));
  }

  /** Reads the answers and compares them with the model. */
  async receive(got: Receiver = ignored): Promise<void> {
    for (const message of this.#messages) {
      const line = await this.#connection.next();
      assert(line !== undefined, "the daemon hung up on a client that asked");
      const answer: Answer | Answer[] = JSON.parse(line.text);
      assertEquals(Array.isArray(answer), message.isBatch, line.text);
      const answers = [answer].flat();
      assertEquals(answers.map(({ id }) => id), [...message.ids]);
      const { model, policies } = this.#expectations;
      const candidates = policies.since(this.#mark);
      const { descriptors } = line;
      await model.take(message, answers, descriptors, candidates, got);
      // Otherwise a later bind of the same address would fail.
      this.#connection.closeReceived();
    }
  }
}
