import { type Address, hasHost } from "../../address.ts";
import type { AddressMatcher } from "./address_pattern.ts";
import type { Place } from "./located_json.ts";
import type {
  AccessRequest,
  ClientCredentials,
  Decision,
  Effect,
  Policy,
} from "./policy.ts";

/** A range of user or group ids, both ends included. */
export interface IdRange {
  readonly from: number;
  readonly to: number;
}

/** A rule; an undefined field matches everything. */
export interface Rule {
  /** For the log and errors. */
  readonly name: string | undefined;
  /** Where it begins in the policy file. */
  readonly place: Place;
  readonly effect: Effect;
  readonly users: readonly IdRange[] | undefined;
  readonly groups: readonly IdRange[] | undefined;
  readonly methods: ReadonlySet<string>;
  /** Matchers for the effect of the rule. */
  readonly addresses: readonly AddressMatcher[] | undefined;
  /** Options that a `bind` may have. */
  readonly options: ReadonlySet<string> | undefined;
}

const NO_RULE: Decision = Object.freeze({ allowed: false, rule: "no rule" });

/** A policy made of rules. The first rule that matches decides. */
export class RuleList implements Policy {
  readonly path: string;
  readonly text: string;
  readonly loadedAt: string;
  readonly #rules: readonly Rule[];
  /** The decision of each rule. */
  readonly #decisions: readonly Decision[];

  /** `text` is the text of the file at `path`. */
  constructor(path: string, text: string, rules: readonly Rule[]) {
    this.path = path;
    this.text = text;
    this.loadedAt = new Date().toISOString();
    this.#rules = rules;
    this.#decisions = rules.map(({ name, effect, place }, index) =>
      Object.freeze({
        allowed: effect === "allow",
        rule: `rule ${index + 1}${name === undefined ? "" : ` (${name})`}`,
        place,
      })
    );
  }

  get size(): number {
    return this.#rules.length;
  }

  decide(client: ClientCredentials, request: AccessRequest): Decision {
    for (let at = 0; at < this.#rules.length; at++) {
      if (matches(this.#rules[at]!, client, request)) {
        return this.#decisions[at]!;
      }
    }
    return NO_RULE;
  }
}

function matches(
  rule: Rule,
  client: ClientCredentials,
  request: AccessRequest,
): boolean {
  const { method, address } = request;
  if (!rule.methods.has(method)) return false;
  if (rule.users && !contains(rule.users, client.uid)) return false;
  if (rule.groups && !isMember(client, rule.groups)) return false;
  if (method !== "bind" && method !== "release") return true;
  if (!matchesAddress(rule, address)) return false;
  return method !== "bind" || rule.effect === "deny" ||
    permits(rule.options, request);
}

function isMember(
  { gid, groups }: ClientCredentials,
  members: readonly IdRange[],
): boolean {
  return [gid, ...groups].some((group) => contains(members, group));
}

function contains(ranges: readonly IdRange[], id: number): boolean {
  return ranges.some(({ from, to }) => id >= from && id <= to);
}

function matchesAddress(
  { addresses, effect }: Rule,
  address: Address | undefined,
): boolean {
  if (addresses === undefined) return true;
  // Without an address a rule cannot be checked: the request is not allowed.
  if (address === undefined) return effect === "deny";
  for (const matcher of addresses) if (matcher(address)) return true;
  return false;
}

function permits(
  permitted: ReadonlySet<string> | undefined,
  { address, options }: AccessRequest,
): boolean {
  if (permitted === undefined) return true;
  if (
    address !== undefined && hasHost(address) && address.device !== undefined
  ) {
    if (!permitted.has("device")) return false;
  }
  if (options === undefined) return true;
  for (const option of options) if (!permitted.has(option)) return false;
  return true;
}
