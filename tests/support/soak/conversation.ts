/**
 * A client that asks and reads, and holds every answer against the model.
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

/** How bytes go to the daemon. */
type Delivery = Way["send"];

async function byteByByte(
  connection: RawConnection,
  bytes: Bytes,
): Promise<void> {
  for (let at = 0; at < bytes.length; at++) {
    await connection.send(bytes.subarray(at, at + 1));
  }
}

/** Of a client that goes on to read. */
const DELIVERIES: readonly Delivery[] = [
  ...WAYS.filter(({ reads }) => reads).map(({ send }) => send),
  byteByByte,
];

const encoder = new TextEncoder();

/** What the answers are held against. */
export interface Expectations {
  readonly model: Model;
  readonly policies: PolicyInForce;
}

/** Hears of each socket that was handed out; it is open until that is over. */
export type Receiver = (place: Place, fd: number) => Promise<void>;

const ignored: Receiver = () => Promise.resolve();

let lastId = 0;

/** As clients have them: numbers and texts. */
function nextId(): RequestId {
  lastId++;
  return lastId % 2 === 0 ? lastId : `id ${lastId}`;
}

/** Messages on their way through one connection, first to last. */
export class Exchange {
  readonly #expectations: Expectations;
  readonly #connection: RawConnection;
  readonly #messages: readonly (Message & { ids: readonly RequestId[] })[];
  readonly #mark: number;
  /** What has to be sent. */
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

  /** Sends everything, in one piece or in many. */
  async send(random: Random): Promise<void> {
    await random.of(DELIVERIES)(this.#connection, this.bytes, random);
  }

  /** Sends everything at once, or one part of it. */
  async sendAtOnce(from = 0, to = this.bytes.length): Promise<void> {
    await this.#connection.send(this.bytes.subarray(from, to));
  }

  /** Reads the answers: all that must come, and each as it must be. */
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
      // Else it would be in the way of a later bind to the same address.
      this.#connection.closeReceived();
    }
  }
}
