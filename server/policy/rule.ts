import { type Address, hasHost } from "../../address.ts";
import type { AddressMatcher } from "./address_pattern.ts";
import type { IdRanges } from "./id_ranges.ts";
import type { Decision, Effect, Policy, Requester, Wish } from "./policy.ts";

/** One rule; what is undefined matches everything. */
export interface Rule {
  /** For log and messages. */
  readonly name: string | undefined;
  readonly effect: Effect;
  readonly users: IdRanges | undefined;
  readonly groups: IdRanges | undefined;
  readonly methods: ReadonlySet<string>;
  /** Made for the rule's effect. */
  readonly addresses: readonly AddressMatcher[] | undefined;
  /** What a bind may ask for. */
  readonly options: ReadonlySet<string> | undefined;
}

const NO_RULE: Decision = Object.freeze({ allowed: false, rule: "no rule" });

/** Rules in the order they are tried. */
export class RuleList implements Policy {
  readonly path: string;
  readonly text: string;
  readonly loadedAt: string;
  readonly #rules: readonly Rule[];
  /** What each rule says where it matches. */
  readonly #decisions: readonly Decision[];

  /** `text` is what the file at `path` said. */
  constructor(path: string, text: string, rules: readonly Rule[]) {
    this.path = path;
    this.text = text;
    this.loadedAt = new Date().toISOString();
    this.#rules = rules;
    this.#decisions = rules.map(({ name, effect }, index) =>
      Object.freeze({
        allowed: effect === "allow",
        rule: `rule ${index + 1}${name === undefined ? "" : ` (${name})`}`,
      })
    );
  }

  get size(): number {
    return this.#rules.length;
  }

  decide(who: Requester, what: Wish): Decision {
    for (let at = 0; at < this.#rules.length; at++) {
      if (matches(this.#rules[at]!, who, what)) return this.#decisions[at]!;
    }
    return NO_RULE;
  }
}

function matches(rule: Rule, who: Requester, what: Wish): boolean {
  if (!rule.methods.has(what.method)) return false;
  if (rule.users !== undefined && !rule.users.has(who.uid)) return false;
  if (rule.groups !== undefined && !isMember(who, rule.groups)) return false;
  const { method } = what;
  if (method !== "bind" && method !== "release") return true;
  if (!matchesAddress(rule, what.address)) return false;
  return method !== "bind" || rule.effect === "deny" ||
    permits(rule.options, what);
}

function isMember({ gid, groups }: Requester, of: IdRanges): boolean {
  if (of.has(gid)) return true;
  for (const group of groups) if (of.has(group)) return true;
  return false;
}

function matchesAddress(
  { addresses, effect }: Rule,
  address: Address | undefined,
): boolean {
  if (addresses === undefined) return true;
  // What nobody can look at is not allowed.
  if (address === undefined) return effect === "deny";
  for (const matcher of addresses) if (matcher(address)) return true;
  return false;
}

function permits(
  permitted: ReadonlySet<string> | undefined,
  { address, options }: Wish,
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
