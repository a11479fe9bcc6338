/**
 * Reads policy files. A daemon without a policy does not load this module.
 *
 * @module
 */
import { groupId, userId } from "../../ffi/processes/accounts.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { readFile } from "../../ffi/files/file.ts";
import { isBindOption, type Method, METHODS } from "../../protocol.ts";
import { type AddressMatcher, addressPattern } from "./address_pattern.ts";
import {
  type Located,
  type Place,
  placeAt,
  PlaceError,
  readJson,
} from "./located_json.ts";
import { PatternError } from "./pattern_error.ts";
import { type Effect, type Policy, PolicyError } from "./policy.ts";
import { Problems } from "./problems.ts";
import { type IdRange, type Rule, RuleList } from "./rule.ts";

const WITH_ADDRESS: readonly Method[] = ["bind", "release"];
/**
 * Options that affect only the socket. Not among them: `reuse_port`, which shares a
 * port with another program of the daemon's user; `transparent`, `free_bind`, `mark`
 * and `device`, which change where packets come from; `owner` and `group`.
 */
const DEFAULT_OPTIONS: readonly string[] = [
  "backlog",
  "defer_accept",
  "fast_open",
  "recv_buffer",
  "send_buffer",
  "mode",
];
/** Parts of the address: a rule that allows the address allows them. */
const OF_ADDRESS: ReadonlySet<string> = new Set(["v6only", "shard", "shards"]);
const KEYS: readonly string[] = [
  "name",
  "user",
  "group",
  "methods",
  "addresses",
  "options",
  "decision",
];
/** The largest id: chown(2) takes the next number for "leave as it is". */
const MAX_ID = 0xfffffffe;

/**
 * Reads a policy file.
 *
 * @throws {PolicyError} if the file is not a policy.
 * @throws {OsError} ENOENT, EACCES, ...
 */
export function readPolicy(path: string): Policy {
  const bytes = readFile(path);
  try {
    return parsePolicy(
      new TextDecoder("utf-8", { fatal: true }).decode(bytes),
      path,
    );
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const text = new TextDecoder().decode(bytes);
    const place = placeAt(text, text.indexOf("\ufffd"));
    throw new PolicyError(path, [{ ...place, reason: "invalid UTF-8" }], {
      cause: error,
    });
  }
}

/**
 * Parses the text of the policy file at `path` and looks up the names of users
 * and groups.
 *
 * @throws {PolicyError} with every error, if the text is not a policy. After an
 * error of JSON nothing more is read.
 */
export function parsePolicy(text: string, path: string): Policy {
  const problems = new Problems();
  const rules = problems.catch(() => readRules(readJson(text), problems));
  problems.throwAny(path);
  return new RuleList(path, text, rules ?? []);
}

function readRules(root: Located, problems: Problems): Rule[] {
  const { rules } = membersOf(root, "policy", ["rules"], problems);
  if (rules === undefined) {
    throw new PlaceError(
      root.place,
      'invalid policy: expected { "rules": [...] }',
    );
  }
  return problems.each(
    itemsOf(rules, "rules"),
    (value) => readRule(value, problems),
  );
}

function readRule(value: Located, problems: Problems): Rule {
  const { name, user, group, methods, addresses, options, decision } =
    membersOf(value, "rule", KEYS, problems);
  const effect = problems.of(
    decision,
    (each) => oneOf<Effect>(each, ["allow", "deny"], "decision"),
  ) ?? "allow";
  const defaultMethods = addresses === undefined ? METHODS : WITH_ADDRESS;
  return {
    name: problems.of(name, readName),
    place: value.place,
    effect,
    users: problems.of(
      user,
      (each) => readAccounts(each, "user", userId, problems),
    ),
    groups: problems.of(
      group,
      (each) => readAccounts(each, "group", groupId, problems),
    ),
    methods: new Set(
      problems.of(methods, (each) => readMethods(each, problems)) ??
        defaultMethods,
    ),
    addresses: problems.of(
      addresses,
      (each) => readAddresses(each, effect, problems),
    ),
    options: readOptions(options, problems),
  };
}

function readName(value: Located): string {
  const name = stringOf(value, "name");
  if (name === "") {
    throw new PlaceError(value.place, "invalid name: it is empty");
  }
  return name;
}

function readAccounts(
  value: Located,
  kind: "user" | "group",
  numberOf: (name: string) => number | undefined,
  problems: Problems,
): IdRange[] {
  const accounts = value.type === "array"
    ? nonEmptyItemsOf(value, kind)
    : [value];
  return problems.each(accounts, (each) => readAccount(each, kind, numberOf));
}

function readAccount(
  located: Located,
  kind: "user" | "group",
  numberOf: (name: string) => number | undefined,
): IdRange {
  const { place } = located;
  const value = located.type === "scalar" ? located.value : undefined;
  if (typeof value !== "string" && typeof value !== "number") {
    throw new PlaceError(
      place,
      `invalid ${kind}: expected a name, a number, a range "1000-1999" or an array of them`,
    );
  }
  const range = /^(\d+)-(\d+)$/.exec(String(value));
  const digits = /^\d+$/.test(String(value));
  if (typeof value === "string" && range === null && !digits) {
    const id = accountId(value, kind, numberOf, place);
    return { from: id, to: id };
  }
  const from = Number(range === null ? value : range[1]);
  const to = Number(range === null ? value : range[2]);
  if (
    ![from, to].every((id) => Number.isInteger(id) && id >= 0 && id <= MAX_ID)
  ) {
    throw new PlaceError(
      place,
      `invalid ${kind} ${value}: expected 0 to ${MAX_ID}`,
    );
  }
  if (from > to) {
    throw new PlaceError(place, `invalid ${kind} range ${value}: it is empty`);
  }
  return { from, to };
}

function accountId(
  name: string,
  kind: "user" | "group",
  numberOf: (name: string) => number | undefined,
  place: Place,
): number {
  let id: number | undefined;
  try {
    id = numberOf(name);
  } catch (cause) {
    if (!(cause instanceof OsError)) throw cause;
    throw new PlaceError(place, cause.message, { cause });
  }
  if (id !== undefined) return id;
  throw new PlaceError(place, `${kind} ${JSON.stringify(name)} does not exist`);
}

function readMethods(value: Located, problems: Problems): Method[] {
  return problems.each(
    nonEmptyItemsOf(value, "methods"),
    (each) => oneOf(each, METHODS, "methods"),
  );
}

function readAddresses(
  value: Located,
  effect: Effect,
  problems: Problems,
): AddressMatcher[] {
  return problems.each(nonEmptyItemsOf(value, "addresses"), (each) => {
    try {
      return addressPattern(stringOf(each, "addresses"), effect);
    } catch (cause) {
      if (!(cause instanceof PatternError)) throw cause;
      throw new PlaceError(each.place, cause.message, { cause });
    }
  });
}

function readOptions(
  value: Located | undefined,
  problems: Problems,
): ReadonlySet<string> | undefined {
  if (value === undefined) return new Set(DEFAULT_OPTIONS);
  if (value.type === "scalar" && value.value === "*") return undefined;
  const items = problems.of(value, (each) => nonEmptyItemsOf(each, "options"));
  const names = problems.each(items ?? [], (each) => {
    const name = stringOf(each, "options");
    if (name === "*" || (isBindOption(name) && !OF_ADDRESS.has(name))) {
      return name;
    }
    throw new PlaceError(
      each.place,
      `unknown option ${JSON.stringify(name)}`,
    );
  });
  return names.includes("*") ? undefined : new Set(names);
}

function membersOf(
  value: Located,
  what: string,
  keys: readonly string[],
  problems: Problems,
): Partial<Record<string, Located>> {
  if (value.type !== "object") {
    throw new PlaceError(value.place, `invalid ${what}: expected an object`);
  }
  const found = new Map<string, Located>();
  for (const { name, place, value: member } of value.members) {
    const key = JSON.stringify(name);
    if (!keys.includes(name)) {
      problems.add(
        place,
        `unknown key ${key} of a ${what}: expected ${keys.join(", ")}`,
      );
    }
    if (found.has(name)) problems.add(place, `duplicate key ${key}`);
    found.set(name, member);
  }
  return Object.fromEntries(found);
}

function itemsOf(value: Located, what: string): readonly Located[] {
  if (value.type === "array") return value.items;
  throw new PlaceError(value.place, `invalid ${what}: expected an array`);
}

function nonEmptyItemsOf(value: Located, what: string): readonly Located[] {
  const items = itemsOf(value, what);
  if (items.length > 0) return items;
  throw new PlaceError(
    value.place,
    `invalid ${what}: the array is empty and would match nothing`,
  );
}

function stringOf(value: Located, what: string): string {
  if (value.type === "scalar" && typeof value.value === "string") {
    return value.value;
  }
  throw new PlaceError(value.place, `invalid ${what}: expected text in quotes`);
}

function oneOf<T extends string>(
  value: Located,
  known: readonly T[],
  what: string,
): T {
  const text = stringOf(value, what);
  const found = known.find((each) => each === text);
  if (found !== undefined) return found;
  throw new PlaceError(
    value.place,
    `invalid ${what} ${JSON.stringify(text)}: expected one of ${
      known.join(", ")
    }`,
  );
}
