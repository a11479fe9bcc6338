import { AddressError, hasHost, parseAddress } from "../../address.ts";
import {
  BIND_OPTIONS,
  type BindParams,
  isBindOption,
  isMethod,
  type Method,
  METHODS,
} from "../../protocol.ts";
import { unknownName } from "../../unknown_name.ts";
import { UsageError } from "../../given_options.ts";

/** A request that is tried on a policy. */
export interface Trial {
  /** Name or uid of the user. */
  user: string;
  /**
   * Name or gid of the group.
   *
   * @default the primary group of the user
   */
  group?: string;
  /** What the user asks for. */
  method: Method;
  /** The params of `bind` and `release`. */
  params?: BindParams;
}

/** What `--check-policy` checks. */
export interface PolicyCheck {
  /** Path of the policy file. */
  path: string;
  /** A request to try, of `--as`. */
  trial?: Trial;
}

/** The part of the command line about `--check-policy`. */
export interface CheckArguments {
  /** The value of `--check-policy`. */
  file: string | undefined;
  /** The value of `--as`. */
  as: string | undefined;
  operands: readonly string[];
}

/**
 * Reads `--check-policy FILE [--as USER[:GROUP] METHOD [ADDR [OPTION=...]]]`.
 *
 * @throws {UsageError}
 */
export function readPolicyCheck(
  { file, as, operands }: CheckArguments,
): PolicyCheck {
  if (file === undefined) {
    throw new UsageError("--as needs --check-policy FILE");
  }
  if (as !== undefined) return { path: file, trial: readTrial(as, operands) };
  const [operand] = operands;
  if (operand === undefined) return { path: file };
  throw new UsageError(
    isMethod(operand)
      ? `${operand}: name the user that asks with --as USER[:GROUP]`
      : `unexpected argument ${operand}: --check-policy takes no control socket`,
  );
}

function readTrial(as: string, operands: readonly string[]): Trial {
  const [, user, group] = /^([^:]+)(?::([^:]+))?$/.exec(as) ?? [];
  if (user === undefined) {
    throw new UsageError(`invalid --as ${as}: expected USER or USER:GROUP`);
  }
  const [method, address, ...options] = operands;
  if (method === undefined) {
    throw new UsageError(
      `--as: the method is missing: one of ${METHODS.join(", ")}`,
    );
  }
  if (!isMethod(method)) {
    throw new UsageError(`--as: ${unknownName("method", method, METHODS)}`);
  }
  const account = { user, ...(group !== undefined && { group }) };
  if (method !== "bind" && method !== "release") {
    if (address === undefined) return { ...account, method };
    throw new UsageError(`--as: ${method} takes no address: ${address}`);
  }
  if (address === undefined) {
    throw new UsageError(
      `--as: the address of ${method} is missing, such as 127.0.0.1:8000`,
    );
  }
  return { ...account, method, params: readParams(address, options) };
}

function readParams(address: string, options: readonly string[]): BindParams {
  return {
    ...readAddress(address),
    ...Object.fromEntries(options.map(readOption)),
  };
}

function readAddress(text: string): BindParams {
  try {
    const address = parseAddress(text);
    if (!hasHost(address)) return { kind: address.kind, path: address.path };
    const { kind, host, port, v6only } = address;
    return { kind, address: host, port, v6only };
  } catch (error) {
    if (error instanceof AddressError) throw new UsageError(error.message);
    throw error;
  }
}

/** An option with the type that the daemon expects; the daemon's check follows. */
function readOption(text: string): [name: string, value: unknown] {
  const at = text.indexOf("=");
  const name = at === -1 ? text : text.slice(0, at);
  if (!isBindOption(name)) {
    throw new UsageError(
      unknownName("option", name, Object.keys(BIND_OPTIONS)),
    );
  }
  if (at === -1) {
    throw new UsageError(`option ${name}: expected ${name}=VALUE`);
  }
  return [name, typed(text.slice(at + 1), BIND_OPTIONS[name].value)];
}

function typed(text: string, type: unknown): unknown {
  if (type === "boolean") {
    return text === "true" ? true : text === "false" ? false : text;
  }
  if (typeof type === "object") return text === "" ? text : Number(text);
  return text;
}
