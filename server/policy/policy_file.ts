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
import { type IdRange, IdRanges } from "./id_ranges.ts";
import { lineAt, LineError, type Located, readJson } from "./located_json.ts";
import { PatternError } from "./pattern_error.ts";
import { type Effect, type Policy, PolicyError } from "./policy.ts";
import { type Rule, RuleList } from "./rule.ts";

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
    const line = lineAt(text, text.indexOf("\ufffd"));
    throw new PolicyError(path, line, "invalid UTF-8", { cause: error });
  }
}

/**
 * Parses the text of the policy file at `path` and looks up the names of users
 * and groups.
 *
 * @throws {PolicyError} if the text is not a policy.
 */
export function parsePolicy(text: string, path: string): Policy {
  try {
    return new RuleList(path, text, readRules(readJson(text)));
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    throw new PolicyError(path, error.line, error.message, { cause: error });
  }
}

function readRules(root: Located): Rule[] {
  const { rules } = membersOf(root, "policy", ["rules"]);
  if (rules === undefined) {
    throw new LineError(
      root.line,
      'invalid policy: expected { "rules": [...] }',
    );
  }
  return itemsOf(rules, "rules").map(readRule);
}

function readRule(value: Located): Rule {
  const { name, user, group, methods, addresses, options, decision } =
    membersOf(value, "rule", KEYS);
  const effect = decision === undefined
    ? "allow"
    : oneOf<Effect>(decision, ["allow", "deny"], "decision");
  const defaultMethods = addresses === undefined ? METHODS : WITH_ADDRESS;
  return {
    name: name && readName(name),
    effect,
    users: user && readAccounts(user, "user", userId),
    groups: group && readAccounts(group, "group", groupId),
    methods: new Set(
      methods === undefined ? defaultMethods : readMethods(methods),
    ),
    addresses: addresses && readAddresses(addresses, effect),
    options: readOptions(options),
  };
}

function readName(value: Located): string {
  const name = stringOf(value, "name");
  if (name === "") throw new LineError(value.line, "invalid name: it is empty");
  return name;
}

function readAccounts(
  value: Located,
  kind: "user" | "group",
  numberOf: (name: string) => number | undefined,
): IdRanges {
  const accounts = value.type === "array"
    ? nonEmptyItemsOf(value, kind)
    : [value];
  return new IdRanges(
    accounts.map((each) => readAccount(each, kind, numberOf)),
  );
}

function readAccount(
  located: Located,
  kind: "user" | "group",
  numberOf: (name: string) => number | undefined,
): IdRange {
  const { line } = located;
  const value = located.type === "scalar" ? located.value : undefined;
  if (typeof value !== "string" && typeof value !== "number") {
    throw new LineError(
      line,
      `invalid ${kind}: expected a name, a number, a range "1000-1999" or an array of them`,
    );
  }
  const range = /^(\d+)-(\d+)$/.exec(String(value));
  const digits = /^\d+$/.test(String(value));
  if (typeof value === "string" && range === null && !digits) {
    const id = accountId(value, kind, numberOf, line);
    return { from: id, to: id };
  }
  const from = Number(range === null ? value : range[1]);
  const to = Number(range === null ? value : range[2]);
  if (
    ![from, to].every((id) => Number.isInteger(id) && id >= 0 && id <= MAX_ID)
  ) {
    throw new LineError(
      line,
      `invalid ${kind} ${value}: expected 0 to ${MAX_ID}`,
    );
  }
  if (from > to) {
    throw new LineError(line, `invalid ${kind} range ${value}: it is empty`);
  }
  return { from, to };
}

function accountId(
  name: string,
  kind: "user" | "group",
  numberOf: (name: string) => number | undefined,
  line: number,
): number {
  let id: number | undefined;
  try {
    id = numberOf(name);
  } catch (cause) {
    if (!(cause instanceof OsError)) throw cause;
    throw new LineError(line, cause.message, { cause });
  }
  if (id !== undefined) return id;
  throw new LineError(line, `${kind} ${JSON.stringify(name)} does not exist`);
}

function readMethods(value: Located): Method[] {
  return nonEmptyItemsOf(value, "methods").map((each) =>
    oneOf(each, METHODS, "methods")
  );
}

function readAddresses(value: Located, effect: Effect): AddressMatcher[] {
  return nonEmptyItemsOf(value, "addresses").map((each) => {
    try {
      return addressPattern(stringOf(each, "addresses"), effect);
    } catch (cause) {
      if (!(cause instanceof PatternError)) throw cause;
      throw new LineError(each.line, cause.message, { cause });
    }
  });
}

function readOptions(
  value: Located | undefined,
): ReadonlySet<string> | undefined {
  if (value === undefined) return new Set(DEFAULT_OPTIONS);
  if (value.type === "scalar" && value.value === "*") return undefined;
  const names = nonEmptyItemsOf(value, "options").map((each) => {
    const name = stringOf(each, "options");
    if (name === "*" || (isBindOption(name) && !OF_ADDRESS.has(name))) {
      return name;
    }
    throw new LineError(
      each.line,
      `unknown option ${JSON.stringify(name)}`,
    );
  });
  return names.includes("*") ? undefined : new Set(names);
}

function membersOf(
  value: Located,
  what: string,
  keys: readonly string[],
): Partial<Record<string, Located>> {
  if (value.type !== "object") {
    throw new LineError(value.line, `invalid ${what}: expected an object`);
  }
  const found = new Map<string, Located>();
  for (const { name, line, value: member } of value.members) {
    const key = JSON.stringify(name);
    if (!keys.includes(name)) {
      throw new LineError(
        line,
        `unknown key ${key} of a ${what}: expected ${keys.join(", ")}`,
      );
    }
    if (found.has(name)) throw new LineError(line, `duplicate key ${key}`);
    found.set(name, member);
  }
  return Object.fromEntries(found);
}

function itemsOf(value: Located, what: string): readonly Located[] {
  if (value.type === "array") return value.items;
  throw new LineError(value.line, `invalid ${what}: expected an array`);
}

function nonEmptyItemsOf(value: Located, what: string): readonly Located[] {
  const items = itemsOf(value, what);
  if (items.length > 0) return items;
  throw new LineError(
    value.line,
    `invalid ${what}: the array is empty and would match nothing`,
  );
}

function stringOf(value: Located, what: string): string {
  if (value.type === "scalar" && typeof value.value === "string") {
    return value.value;
  }
  throw new LineError(value.line, `invalid ${what}: expected text in quotes`);
}

function oneOf<T extends string>(
  value: Located,
  known: readonly T[],
  what: string,
): T {
  const text = stringOf(value, what);
  const found = known.find((each) => each === text);
  if (found !== undefined) return found;
  throw new LineError(
    value.line,
    `invalid ${what} ${JSON.stringify(text)}: expected one of ${
      known.join(", ")
    }`,
  );
}
