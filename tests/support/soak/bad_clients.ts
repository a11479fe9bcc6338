/**
 * Acts of bad clients, which do not read whether their requests are performed.
 *
 * @module
 */
import { abi } from "../../../ffi/libc/abi.ts";
import { check } from "../../../ffi/libc/errno.ts";
import { libc } from "../../../ffi/libc/libc.ts";
import { waitReady } from "../../../ffi/files/readiness.ts";
import { MAX_REQUEST } from "../../../protocol.ts";
import { eventually, PATIENCE } from "../eventually.ts";
import { Program, within } from "../program.ts";
import { expectedFor } from "../fuzz/expected_answers.ts";
import { joined } from "../fuzz/mutations.ts";
import { type RawConnection, requestText } from "../raw_connection.ts";
import { malformedRequest } from "../bad_clients/malformed_requests.ts";
import { treePath } from "../tree.ts";
import type { Act } from "./acts.ts";
import type { Actor } from "./actor.ts";
import { alone, anyRequest, encodedMessage } from "./requests.ts";

/** shutdown(2). */
const SHUT_RD = 0;

const encoder = new TextEncoder();

/** Random requests, as text. */
function requests(actor: Actor, count: number): string {
  const { random, own, ground } = actor;
  ground.model.tally.mayCount(count);
  return Array.from({ length: count }, () => {
    const message = alone(anyRequest(random, own.ventured));
    return encodedMessage(message, [0]);
  }).join("");
}

/** An incomplete request. */
function half(actor: Actor): string {
  const whole = requests(actor, 1);
  return whole.slice(0, 1 + actor.random.below(whole.length - 1));
}

async function answerIsThere(connection: RawConnection): Promise<void> {
  await within(
    waitReady(connection.fd, "read", PATIENCE),
    "an unread answer",
  );
}

/** An act of a client that disconnects afterwards. */
function gone(
  name: string,
  behave: (connection: RawConnection, actor: Actor) => Promise<unknown>,
): Act {
  return {
    name,
    async perform(actor) {
      using connection = actor.open();
      await behave(connection, actor);
    },
  };
}

function shutDown(connection: RawConnection, how: number): void {
  check(libc().shutdown(connection.fd, how), "shutdown");
}

/** Bad clients. */
export const BAD_CLIENTS: readonly Act[] = [
  gone("says nothing and goes", () => Promise.resolve()),
  {
    name: "sends nothing and stays connected",
    perform(actor) {
      actor.openForLong();
      return Promise.resolve();
    },
  },
  gone(
    "sends half of a request and disconnects",
    (connection, actor) => connection.send(half(actor)),
  ),
  {
    name: "sends half of a request and stays connected",
    async perform(actor) {
      await actor.openForLong().send(half(actor));
    },
  },
  gone(
    "disconnects right after its request",
    (connection, actor) => connection.send(requests(actor, 1)),
  ),
  gone(
    "sends several requests in one write and disconnects",
    (connection, actor) =>
      connection.send(requests(actor, 2 + actor.random.below(20))),
  ),
  gone(
    "disconnects with an unread answer, which resets the connection",
    async (connection, actor) => {
      const { random } = actor;
      await connection.send(
        requestText(1, "status") + requests(actor, 1 + random.below(5)),
      );
      await answerIsThere(connection);
    },
  ),
  gone(
    "reads one answer of many and disconnects",
    async (connection, actor) => {
      await connection.send(requestText(1, "status") + requests(actor, 10));
      await connection.next();
    },
  ),
  gone(
    "shuts down its side in the middle of a request",
    async (connection, actor) => {
      await connection.send(half(actor));
      connection.endWriting();
    },
  ),
  gone("shuts both sides and stays for a moment", async (connection, actor) => {
    await connection.send(requests(actor, 3));
    shutDown(connection, abi.SHUT_RDWR);
    await answerIsThere(connection);
  }),
  gone(
    "shuts down its receiving side",
    async (connection, actor) => {
      shutDown(connection, SHUT_RD);
      await connection.send(requests(actor, 3));
    },
  ),
  gone("sends garbage and goes", async (connection, actor) => {
    const bytes = joined(malformedRequest(actor.random).pieces);
    const { ids } = expectedFor(bytes);
    actor.ground.model.tally.mayCount(ids.flat().length);
    await connection.send(bytes);
  }),
  gone("sends 64 KiB of nothing", async (connection, actor) => {
    const { random } = actor;
    await connection.send(random.of([" ", "\n", "\t"]).repeat(MAX_REQUEST));
    if (random.below(2) === 0) await connection.send(requests(actor, 1));
  }),
  gone("sends 64 KiB that come to no end", async (connection, actor) => {
    actor.ground.model.tally.mayCount(1);
    const filling = actor.random.of(["x", "[", "\\"]);
    await connection.send(`{"a":"${filling.repeat(MAX_REQUEST)}`);
  }),
  gone("sends descriptors that nobody wants", async (connection, actor) => {
    const text = actor.random.of([requests(actor, 1), half(actor), " "]);
    const ours = Array<number>(actor.random.of([1, 20, 253]))
      .fill(connection.fd);
    await connection.sendDescriptors(encoder.encode(text), ours);
  }),
  gone(
    "sends requests and never reads, until it is dropped",
    async (connection, actor) => {
      const { tally } = actor.ground.model;
      // Answers repeat the id: a few long ids exceed the daemon's queue.
      const some = requestText("x".repeat(2_000), "unbind").repeat(50);
      tally.mayDrop();
      await eventually("the end of a client that never reads", async () => {
        tally.mayCount(50);
        return !await connection.send(some);
      });
    },
  ),
  {
    name: "connects dozens of times at once",
    async perform(actor) {
      const { random } = actor;
      using stack = new DisposableStack();
      const crowd = Array.from(
        { length: 24 + random.below(48) },
        () => stack.use(actor.open()),
      );
      for (const connection of crowd) {
        await connection.send(
          random.of(["", half(actor), requests(actor, 1)]),
        );
      }
    },
  },
  { name: "is killed with all its connections", perform: isKilled },
];

/** Connections of the killed process. */
const DOOMED = 24;

async function isKilled(actor: Actor): Promise<void> {
  const { random, ground } = actor;
  const texts = Array.from({ length: DOOMED }, () =>
    random.of([
      "",
      half(actor),
      requests(actor, 1),
      requests(actor, 10),
    ]));
  await using program = Program.start(Deno.execPath(), {
    args: [
      "run",
      "-A",
      treePath("tests/support/soak/doomed_program.ts"),
      ground.sock,
      ...texts,
    ],
  });
  await program.output.next("sent");
  program.signal("SIGKILL");
}
