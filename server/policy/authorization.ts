import { type Address, formatAddress } from "../../address.ts";
import type { Peer } from "../../ffi/sockets/socket.ts";
import { ErrorCode } from "../../protocol.ts";
import type { Log } from "../log/log.ts";
import type { Policy, Requester, Wish } from "./policy.ts";
import { RequestError } from "../requests/request_error.ts";

/** A client, as the kernel recorded it at connect(2). */
export interface Client {
  /** SO_PEERCRED, unix(7). */
  readonly peer: Peer;
  /** SO_PEERGROUPS: the groups beside the peer's own. */
  readonly groups: readonly number[];
}

/** Without a policy every client that can connect is allowed everything. */
const NO_POLICY = "no policy";

/** Asks the policy, if there is one, and logs denials. */
export class Authorization {
  /** In force from the next request on. */
  policy: Policy | undefined;
  readonly #log: Log;

  constructor(log: Log, policy: Policy | undefined) {
    this.#log = log;
    this.policy = policy;
  }

  /**
   * The rule that allows a request. `asked` is the address as the client wrote
   * it, for the error: the client must not learn where a path leads.
   *
   * @throws {RequestError} 10001 naming the rule that denies it.
   */
  allow(client: Client, wish: Wish, asked?: Address): string {
    if (this.policy === undefined) return NO_POLICY;
    const { pid, uid, gid } = client.peer;
    const requester: Requester = {
      pid,
      uid,
      gid,
      // A system call, needed only for rules that name groups.
      get groups() {
        return client.groups;
      },
    };
    const { allowed, rule } = this.policy.decide(requester, wish);
    if (allowed) return rule;
    const { method, address } = wish;
    const what = address === undefined ? {} : {
      address: formatAddress(address),
    };
    this.#log.warn("denied", {
      method,
      ...what,
      decision: "denied",
      rule,
      pid,
      uid,
      gid,
    });
    const subject = asked === undefined
      ? method
      : `${method} of ${formatAddress(asked)}`;
    throw new RequestError(
      ErrorCode.DENIED,
      `Denied by policy: ${subject} for uid ${uid}, by ${rule}`,
    );
  }
}
