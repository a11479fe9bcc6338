import {
  type Address,
  hasHost,
  type HostAddress,
  parseAddress,
} from "../../../address.ts";
import { canonicalHost } from "../../../ffi/sockets/socket_address.ts";
import type {
  AccessRequest,
  ClientCredentials,
  Policy,
} from "../../../server/policy/policy.ts";
import { parsePolicy } from "../../../server/policy/policy_file.ts";

/** A rule of a policy file. */
export type RuleText = Record<string, unknown>;

/** Parses a policy with these rules. */
export function policyOf(...rules: RuleText[]): Policy {
  return parsePolicy(JSON.stringify({ rules }), "policy.jsonc");
}

/** An unprivileged user. */
export const SOMEBODY: ClientCredentials = {
  pid: 1234,
  uid: 1500,
  gid: 1600,
  groups: [],
};

/** The canonical address, as the daemon passes it to a policy. */
export function canonical(text: string): Address {
  const address = parseAddress(text);
  if (!hasHost(address)) return address;
  return { ...address, host: canonicalHost(address.host)!.host };
}

/** The TCP address `127.0.0.1:80` on one interface. */
export const ON_LOOPBACK: HostAddress = {
  kind: "tcp",
  host: "127.0.0.1",
  port: 80,
  v6only: true,
  device: "lo",
};

/** Whether {@linkcode SOMEBODY} may bind the address. */
export function mayBind(
  policy: Policy,
  address: string | Address,
  options?: readonly string[],
): boolean {
  const what: AccessRequest = {
    method: "bind",
    address: typeof address === "string" ? canonical(address) : address,
    ...(options && { options }),
  };
  return policy.decide(SOMEBODY, what).allowed;
}
