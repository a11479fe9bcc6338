import type { Refusals, RequestCount } from "../protocol.ts";

const METHODS = ["bind", "list", "release", "status", "other"] as const;

/** What `status` counts, from the beginning of each generation. */
export class Counters {
  /** By method; `other` is what names no method of ours. */
  readonly requests: Readonly<Record<string, RequestCount>> = Object
    .fromEntries(METHODS.map((name) => [name, { requests: 0, errors: 0 }]));

  /** Who was turned away. */
  readonly refused: Refusals = {
    clients: 0,
    binds: 0,
    timeouts: 0,
    unread: 0,
    denied: 0,
    descriptors: 0,
  };

  /** A request was answered. */
  count(method: string | undefined, failed: boolean): void {
    const known = method !== undefined && Object.hasOwn(this.requests, method);
    const counted = this.requests[known ? method : "other"]!;
    counted.requests++;
    if (failed) counted.errors++;
  }
}
