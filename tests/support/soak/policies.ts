/**
 * Policies that a soak puts in force, and which of them may be in force now.
 *
 * @module
 */
import type { RuleText } from "../policy/asking.ts";
import { policyText } from "../policy/policy_daemon.ts";
import type { Place, Territory, Zone } from "./places.ts";

/** The parts of a request that a policy uses. */
export interface Wish {
  readonly method: string;
  readonly place?: Place;
  /** Names of the options of a `bind`. */
  readonly options?: readonly string[];
}

/** A policy and its expected decisions. */
export interface Policy {
  readonly name: string;
  readonly rules: readonly RuleText[];
  denies(wish: Wish): boolean;
}

/** Options that a rule has to list: docs/policy.md. */
const UNUSUAL: ReadonlySet<string> = new Set([
  "reuse_port",
  "transparent",
  "free_bind",
  "mark",
  "owner",
  "group",
]);

function namesUnusual({ place, options = [] }: Wish): boolean {
  return place?.device !== undefined ||
    options.some((name) => UNUSUAL.has(name));
}

/** Denies nothing. */
export const EVERYTHING: Policy = {
  name: "everything",
  rules: [{ options: "*" }],
  denies: () => false,
};

function without(zone: Zone, territory: Territory): Policy {
  return {
    name: `without ${zone}`,
    rules: [
      { addresses: territory.patternsOf(zone), decision: "deny" },
      { options: "*" },
    ],
    denies: ({ place }) => place?.zones.includes(zone) ?? false,
  };
}

/** Every policy; all allow the test to call status. */
export function policiesFor(territory: Territory): Policy[] {
  return [
    EVERYTHING,
    without("red", territory),
    without("blue", territory),
    {
      name: "the usual options",
      rules: [{}],
      denies: (wish) => wish.method === "bind" && namesUnusual(wish),
    },
    {
      name: "look only",
      rules: [{ methods: ["list", "status"] }],
      denies: ({ method }) => method === "bind" || method === "release",
    },
    {
      name: "no list, no release",
      rules: [{ methods: ["bind", "status"], options: "*" }],
      denies: ({ method }) => method === "list" || method === "release",
    },
  ];
}

/** An unused uid: a rule for it matches no client. */
const NOBODY = 0xfffffffe;

/** The text of a policy with a given number of rules, which `status` shows. */
export function textWith({ rules }: Policy, count: number): string {
  const padding = Array.from(
    { length: count - rules.length },
    () => ({ name: "nobody", user: NOBODY }),
  );
  return policyText(...rules, ...padding);
}

/** Invalid policies, each with an error in its last line. */
export const BROKEN: readonly string[] = [
  "",
  '{ "rules": [',
  '{ "rules": [ { "nmae": "x" } ] }',
  '{ "rules": [ { "user": "no-such-user" } ] }',
  '{ "rules": [ { "addresses": ["localhost:80"] } ] }',
];

/** The policies that may be in force now. */
export class PolicyInForce {
  readonly #policies: Policy[] = [EVERYTHING];
  #certain = 0;

  /** For {@linkcode PolicyInForce.since}. */
  get mark(): number {
    return this.#certain;
  }

  /** Records that the daemon may read a policy from now on. */
  mayCome(policy: Policy): void {
    this.#policies.push(policy);
  }

  /** Records that the daemon has read the last policy. */
  hasCome(): void {
    this.#certain = this.#policies.length - 1;
  }

  /** The policies that may have decided between the mark and now. */
  since(mark: number): readonly Policy[] {
    return this.#policies.slice(mark);
  }
}
