import {
  isMethod,
  METHODS,
  type Refusals,
  type RequestCount,
  type Upgrades,
} from "../../protocol.ts";

/** The counters in the answer to `status`. Each generation starts at 0. */
export class Counters {
  /** By method; `other` counts requests without a known method. */
  readonly requests: Readonly<Record<string, RequestCount>> = Object
    .fromEntries(
      [...METHODS, "other"].map((name) => [name, { requests: 0, errors: 0 }]),
    );

  /** Clients and requests that were refused, by reason. */
  readonly refused: Refusals = {
    clients: 0,
    clients_per_user: 0,
    idle: 0,
    binds: 0,
    timeouts: 0,
    unread: 0,
    denied: 0,
    descriptors: 0,
  };

  /** Upgrades of this generation. */
  readonly upgrades: Upgrades = { running: false, abandoned: 0 };

  /** Counts an answered request. */
  count(method: string | undefined, failed: boolean): void {
    const isKnown = method !== undefined && isMethod(method);
    const counted = this.requests[isKnown ? method : "other"]!;
    counted.requests++;
    if (failed) counted.errors++;
  }
}
