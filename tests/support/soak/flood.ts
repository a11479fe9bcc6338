/**
 * Acts with many requests, during which the daemon's memory must not grow.
 *
 * @module
 */
import type { Act } from "./acts.ts";
import { alone, anyRequest, pipeline } from "./requests.ts";

/** Requests of a flood on one connection. */
const PIPELINED = 100;

/** Connections of a flood of one request each. */
const CONNECTIONS = 20;

/** Number of requests of an actor that performs each act once. */
export const REQUESTS_A_TURN: number = PIPELINED + CONNECTIONS;

/** Acts of a flood. */
export const FLOODS: readonly Act[] = [
  {
    name: "sends a hundred requests in one write",
    async perform(actor) {
      const { random, own, line } = actor;
      const exchange = actor.exchange(
        line,
        ...pipeline(random, own.places, PIPELINED - 1),
        alone({ method: random.of(["list", "status"]) }),
      );
      await exchange.sendAtOnce();
      await exchange.receive();
    },
  },
  {
    name: "opens a connection for each of twenty requests",
    async perform(actor) {
      const { random, own } = actor;
      for (let count = 0; count < CONNECTIONS; count++) {
        using connection = actor.open();
        const request = anyRequest(random, own.places);
        const exchange = actor.exchange(connection, alone(request));
        await exchange.sendAtOnce();
        await exchange.receive();
      }
    },
  },
];
