/**
 * Acts of many requests, for a daemon that is watched while its memory must
 * not grow.
 *
 * @module
 */
import type { Act } from "./acts.ts";
import { alone, anyRequest, pipeline } from "./requests.ts";

/** Requests of a flood on one connection. */
const PIPELINED = 100;

/** Connections of a flood of one request each. */
const CONNECTIONS = 20;

/** An actor who does each of them once has made so many requests. */
export const REQUESTS_A_TURN: number = PIPELINED + CONNECTIONS;

/** What is done again and again. */
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
    name: "connects anew for each of twenty requests",
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
