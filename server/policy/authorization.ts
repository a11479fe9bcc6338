import { type Address, formatAddress } from "../../address.ts";
import type { Peer } from "../../ffi/sockets/socket.ts";
import { ErrorCode } from "../../protocol.ts";
import type { Log } from "../log/log.ts";
import type { AccessRequest, ClientCredentials, Policy } from "./policy.ts";
import { RequestError } from "../requests/request_error.ts";

/** Credentials of a client, which the kernel recorded at connect(2). */
export interface Client {
  /** SO_PEERCRED, unix(7). */
  readonly peer: Peer;
  /** Supplementary groups, SO_PEERGROUPS. */
  readonly groups: readonly number[];
}

/** A policy file that was not loaded. */
export interface PolicyRejection {
  /** ISO 8601. */
  readonly at: string;
  readonly reason: string;
}

/** The rule in the log of a daemon without a policy. */
const NO_POLICY = "no policy";

/** Applies the policy, if there is one, and logs denials. */
export class Authorization {
  /** A change applies from the next request on. */
  policy: Policy | undefined;
  /** Why the policy in force is older than its file. */
  rejection: PolicyRejection | undefined;
  readonly #log: Log;

  constructor(log: Log, policy: Policy | undefined) {
    this.#log = log;
    this.policy = policy;
  }

  /**
   * Authorizes a request. The error shows `asked`, the address as the client
   * wrote it: the client must not learn where a path leads.
   *
   * @returns the rule that allows it
   * @throws {RequestError} 10001 naming the rule that denies it.
   */
  allow(client: Client, request: AccessRequest, asked?: Address): string {
    if (this.policy === undefined) return NO_POLICY;
    const { pid, uid, gid } = client.peer;
    const credentials: ClientCredentials = {
      pid,
      uid,
      gid,
      // Only rules with groups need this system call.
      get groups() {
        return client.groups;
      },
    };
    const { allowed, rule } = this.policy.decide(credentials, request);
    if (allowed) return rule;
    const { method, address } = request;
    this.#log.refusal("warn", uid, "request denied", {
      method,
      ...(address && { address: formatAddress(address) }),
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
