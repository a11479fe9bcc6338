/**
 * Acts of good clients: every request is answered, and every answer is known.
 *
 * @module
 */
import {
  closeAll,
  type Descriptor,
  duplicate,
} from "../../../ffi/files/descriptor.ts";
import { malformedRequest } from "../bad_clients/malformed_requests.ts";
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../eventually.ts";
import { expectedFor } from "../fuzz/expected_answers.ts";
import { joined } from "../fuzz/mutations.ts";
import type { Actor } from "./actor.ts";
import type { Receiver } from "./conversation.ts";
import { canBeDamaged, damage } from "./damage.ts";
import {
  alone,
  anyRequest,
  batchOf as mixedBatch,
  bindOf,
  type LookRequest,
  type Message,
  pipeline,
  plainBindOf,
  releaseOf,
  type Request,
  wrongRequest,
} from "./requests.ts";
import { assertAlive, isFree } from "./sockets.ts";

/** An act of an actor. */
export interface Act {
  readonly name: string;
  perform(actor: Actor): Promise<void>;
}

function look(method: "list" | "status"): LookRequest {
  return { method };
}

function batchOf({ random, own, ground }: Actor): Message {
  return mixedBatch(random, own.places, [
    plainBindOf(random, random.of(ground.shared)),
    wrongRequest(random),
    bindOf(random, random.of(ground.taken)),
    look("list"),
    look("status"),
  ]);
}

async function connected(
  actor: Actor,
  messages: readonly Message[],
): Promise<void> {
  using connection = actor.open();
  await actor.converse(connection, messages);
}

/** Acts of good clients. */
export const ACTS: readonly Act[] = [
  {
    name: "sends a request on a new connection",
    perform: (actor) =>
      connected(actor, [alone(anyRequest(actor.random, actor.own.places))]),
  },
  {
    name: "sends a request on its connection",
    perform: (actor) =>
      actor.converse(actor.line, [
        alone(anyRequest(actor.random, actor.own.places)),
      ]),
  },
  {
    name: "binds a place that others bind too",
    perform: (actor) =>
      connected(actor, [
        alone(plainBindOf(actor.random, actor.random.of(actor.ground.shared))),
      ]),
  },
  {
    name: "binds a place of another program",
    perform: (actor) =>
      connected(actor, [
        alone(bindOf(actor.random, actor.random.of(actor.ground.taken))),
      ]),
  },
  {
    name: "binds a place again, with another backlog",
    async perform(actor) {
      const { random, own } = actor;
      const place = random.of(own.places);
      const again = bindOf(random, place);
      const hasQueue = place.kind !== "udp" && place.kind !== "unixgram";
      const options = hasQueue ? { backlog: random.below(5000) } : {};
      await actor.converse(actor.line, [
        alone(bindOf(random, place)),
        alone({ ...again, options: { ...again.options, ...options } }),
      ]);
    },
  },
  {
    name: "sends a batch",
    perform: (actor) => actor.converse(actor.line, [batchOf(actor)]),
  },
  {
    name: "sends several requests in one write",
    async perform(actor) {
      using connection = actor.open();
      const { random, own } = actor;
      const messages = pipeline(random, own.places, 2 + random.below(20));
      const exchange = actor.exchange(connection, ...messages);
      await exchange.sendAtOnce();
      await exchange.receive();
    },
  },
  {
    name: "sends several requests and shuts down its side",
    async perform(actor) {
      using connection = actor.open();
      const { random, own } = actor;
      const messages = pipeline(random, own.places, 3);
      const exchange = actor.exchange(connection, ...messages);
      await exchange.send(actor.random);
      connection.endWriting();
      await exchange.receive();
      assertEquals(await connection.next(), undefined);
    },
  },
  {
    name: "lists",
    perform: (actor) =>
      actor.converse(actor.line, [alone(look("list")), alone(look("status"))]),
  },
  {
    name: "accepts a connection on a socket that it gets",
    async perform(actor) {
      const request = bindOf(actor.random, actor.random.of(actor.own.places));
      await actor.converse(
        actor.line,
        [alone(request)],
        ({ kind }, fd) => assertAlive(kind, fd),
      );
    },
  },
  {
    name: "damages a socket that it gets, and gets one that works",
    perform: damageAndBind,
  },
  {
    name: "keeps a socket that is released, and has the place bound again",
    perform: keepReleased,
  },
  {
    name: "sends half of a request and the rest after another act",
    async perform(actor) {
      const { random, own } = actor;
      using connection = actor.open();
      const request = anyRequest(random, own.places);
      const exchange = actor.exchange(connection, alone(request));
      const cut = 1 + random.below(exchange.bytes.length - 1);
      await exchange.sendAtOnce(0, cut);
      for (let between = random.below(4); between >= 0; between--) {
        await connected(actor, [alone(anyRequest(random, own.places))]);
      }
      await exchange.sendAtOnce(cut);
      await exchange.receive();
    },
  },
  {
    name: "leaves answers unread for a while",
    async perform(actor) {
      const { random, ground } = actor;
      const count = random.of([1, 10, 100]);
      const messages = Array.from(
        { length: count },
        () => alone(plainBindOf(random, random.of(ground.shared))),
      );
      const exchange = actor.exchange(actor.openForLong(), ...messages);
      await exchange.sendAtOnce();
      actor.readLater(exchange);
    },
  },
  {
    name: "reads postponed answers",
    perform: (actor) => actor.readLate(),
  },
  {
    name: "sends garbage and reads the answer",
    async perform(actor) {
      const { pieces, answered } = malformedRequest(actor.random);
      const bytes = joined(pieces);
      const { ids } = expectedFor(bytes);
      actor.ground.model.tally.mayCount(ids.flat().length);
      using connection = actor.open();
      for (const piece of pieces) await connection.send(piece);
      connection.endWriting();
      const answers = (await connection.answersToEnd()).flat();
      assertEquals(answers.map(({ id }) => id ?? null), ids.flat());
      if (answered) assert(answers.length > 0, "garbage and no answer");
      for (const { error } of answers) assert(Number.isInteger(error?.code));
    },
  },
];

async function damageAndBind(actor: Actor): Promise<void> {
  const { random, own } = actor;
  const place = random.of(own.places.filter(canBeDamaged));
  await actor.converse(
    actor.line,
    [alone(bindOf(random, place))],
    (_, fd) => Promise.resolve(damage(place, fd, random)),
  );
  await actor.converse(
    actor.line,
    [alone(bindOf(random, place))],
    ({ kind }, fd) => assertAlive(kind, fd),
  );
}

async function keepReleased(actor: Actor): Promise<void> {
  const { random, own, ground: { model } } = actor;
  const place = random.of(own.places);
  const kept: Descriptor[] = [];
  const ask = (request: Request, got?: Receiver) =>
    actor.converse(actor.line, [alone(request)], got);
  await ask(bindOf(random, place), (_, fd) => {
    kept.push(duplicate(fd));
    return Promise.resolve();
  });
  await ask(releaseOf(random, place));
  // A policy may have denied one of the two.
  const isOthers = kept.length > 0 && place.exclusive && !model.has(place);
  if (isOthers) model.addOthers(place, 1);
  await ask(bindOf(random, place));
  closeAll(kept);
  if (isOthers) {
    // A program that is starting holds a copy until its exec.
    await eventually(`${place.listed} is free`, () => isFree(place));
    model.addOthers(place, -1);
  }
  await ask(bindOf(random, place));
}
