/**
 * The number of requests that the daemon must have counted since it was last idle.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { RequestCount, Status } from "../../../protocol.ts";
import type { Request } from "./requests.ts";

/** Without `status`, which helpers of the test call too. */
const COUNTED = ["bind", "list", "release", "other"] as const;

/** The method under which the daemon counts a request. */
export function countedAs(request: Request): string {
  if (request.method !== "wrong") return request.method;
  const { method } = request.text;
  const known = method === "bind" || method === "list" || method === "release";
  return known ? method : "other";
}

function within(
  count: number,
  least: number,
  most: number,
  what: string,
): void {
  const range = `${least} to ${most}`;
  assert(count >= least && count <= most, `${count} ${what}, not ${range}`);
}

/** Requests since the daemon was last idle. */
export class Tally {
  readonly #answered = new Map<string, RequestCount>();
  #denied = 0;
  /** Requests that may have been performed and whose answers are not read. */
  #unheard = 0;
  /** Clients that never read. */
  #droppable = 0;

  /** Number of received answers. */
  get answers(): number {
    return [...this.#answered.values()]
      .reduce((sum, { requests }) => sum + requests, 0);
  }

  /** Counts an answer: whether it is an error, and one of the policy. */
  count(method: string, failed = false, denied = false): void {
    const counted = this.#answered.get(method) ?? { requests: 0, errors: 0 };
    counted.requests++;
    if (failed) counted.errors++;
    if (denied) this.#denied++;
    this.#answered.set(method, counted);
  }

  /** This many further requests may or may not be counted. */
  mayCount(requests: number): void {
    this.#unheard += requests;
  }

  /** Another client may be dropped because it does not read. */
  mayDrop(): void {
    this.#droppable++;
  }

  /** Starts again: the daemon is idle. */
  clear(): void {
    this.#answered.clear();
    this.#denied = 0;
    this.#unheard = 0;
    this.#droppable = 0;
  }

  /**
   * Checks the counters of the daemon from `before` to `after`. Each generation
   * starts them at 0.
   */
  assertCounted(before: Status, after: Status): void {
    const isSame = before.generation === after.generation;
    const since = (count: (status: Status) => number) =>
      isSame ? count(after) - count(before) : count(after);
    const compare = (
      what: string,
      count: (status: Status) => number,
      answered: number,
    ) =>
      within(
        since(count),
        isSame ? answered : 0,
        answered + this.#unheard,
        `${what} were counted`,
      );
    for (const method of COUNTED) {
      const { requests, errors } = this.#answered.get(method) ??
        { requests: 0, errors: 0 };
      const count = ({ requests }: Status) => requests[method]!;
      compare(method, (status) => count(status).requests, requests);
      compare(`errors of ${method}`, (status) => count(status).errors, errors);
    }
    compare("denials", ({ refused }) => refused.denied, this.#denied);
    within(
      since(({ refused }) => refused.unread),
      isSame ? this.#droppable : 0,
      this.#droppable,
      "clients were dropped because they do not read",
    );
    for (
      const reason of ["clients", "binds", "timeouts", "descriptors"] as const
    ) {
      within(after.refused[reason], 0, 0, `were refused for ${reason}`);
    }
  }
}
