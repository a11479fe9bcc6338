/**
 * Policies that a soak puts in force, and which of them may be in force now.
 *
 * @module
 */
import type { RuleText } from "../policy/asking.ts";
import { policyText } from "../policy/policy_daemon.ts";
import type { Place, Territory, Zone } from "./places.ts";

/** What is asked for, as far as a policy looks at it. */
export interface Wish {
  readonly method: string;
  readonly place?: Place;
  /** Names of the options of a `bind`. */
  readonly options?: readonly string[];
}

/** A policy, and what it must come to. */
export interface Policy {
  readonly name: string;
  readonly rules: readonly RuleText[];
  denies(wish: Wish): boolean;
}

/** Options that a rule has to name, docs/policy.md. */
const UNUSUAL: ReadonlySet<string> = new Set([
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

/** Every policy; all of them let the test look at the status. */
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

/** Nobody's number: a rule for it matches nobody. */
const NOBODY = 0xfffffffe;

/** The text of a policy, with so many rules as `status` is to show. */
export function textWith({ rules }: Policy, count: number): string {
  const padding = Array.from(
    { length: count - rules.length },
    () => ({ name: "nobody", user: NOBODY }),
  );
  return policyText(...rules, ...padding);
}

/** Texts that are no policy, each wrong in its last line. */
export const BROKEN: readonly string[] = [
  "",
  '{ "rules": [',
  '{ "rules": [ { "nmae": "x" } ] }',
  '{ "rules": [ { "user": "no-such-user" } ] }',
  '{ "rules": [ { "addresses": ["localhost:80"] } ] }',
];

/** Which policy decides: between two, either may. */
export class PolicyInForce {
  readonly #policies: Policy[] = [EVERYTHING];
  #certain = 0;

  /** For {@linkcode PolicyInForce.since}. */
  get mark(): number {
    return this.#certain;
  }

  /** The daemon may read it from now on. */
  mayCome(policy: Policy): void {
    this.#policies.push(policy);
  }

  /** The daemon has read the last one. */
  hasCome(): void {
    this.#certain = this.#policies.length - 1;
  }

  /** All that may have decided between the mark and now. */
  since(mark: number): readonly Policy[] {
    return this.#policies.slice(mark);
  }
}
