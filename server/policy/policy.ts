/**
 * A policy decides which client may do what.
 *
 * @module
 */
import type { Address } from "../../address.ts";

/** Credentials of a client, which the kernel recorded at connect(2): unix(7). */
export interface ClientCredentials {
  /** Process id. */
  readonly pid: number;
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** Supplementary group ids. */
  readonly groups: readonly number[];
}

/** A request as a policy sees it. */
export interface AccessRequest {
  /** The method, such as `bind`. */
  readonly method: string;
  /** A canonical address: a numeric host, or a path without symbolic links. */
  readonly address?: Address;
  /** Names of the options of a `bind`. */
  readonly options?: readonly string[];
}

/** The decision of a rule that matches. */
export type Effect = "allow" | "deny";

/** The decision of a policy about a request. */
export interface Decision {
  /** Whether the request is allowed. */
  readonly allowed: boolean;
  /** The rule that decided, for log and error: `rule 3 (web)` or `no rule`. */
  readonly rule: string;
  /** Where that rule begins in the policy file. Missing for `no rule`. */
  readonly place?: { readonly line: number; readonly column: number };
}

/** A list of rules. The first rule that matches decides. */
export interface Policy {
  /** Path of the policy file. */
  readonly path: string;
  /** Text of the policy file. */
  readonly text: string;
  /** Number of rules. */
  readonly size: number;
  /** When the file was read, ISO 8601. */
  readonly loadedAt: string;
  /**
   * Decides about a request. A request that no rule matches is denied.
   *
   * @throws {SocketAddressError} if the host of the address is not numeric.
   */
  decide(client: ClientCredentials, request: AccessRequest): Decision;
}

/** An error in a policy file. */
export interface PolicyProblem {
  /** The line, counted from 1. */
  readonly line: number;
  /** The character in the line, counted from 1. */
  readonly column: number;
  /** What is wrong. */
  readonly reason: string;
}

/**
 * A policy file is invalid. The message is `path:line:column: reason` of its first
 * error, and the number of further ones. docs/policy.md describes the format.
 *
 * @example
 * ```ts no-eval
 * import { loadPolicy, PolicyError } from "jsr:@multibinder/server";
 *
 * try {
 *   loadPolicy("/etc/multibinder/policy.jsonc");
 * } catch (error) {
 *   if (error instanceof PolicyError) console.error(error.path, error.line);
 * }
 * ```
 */
export class PolicyError extends Error {
  /** `PolicyError`. */
  override readonly name = "PolicyError";

  /** The line of the first error, counted from 1. */
  readonly line: number;
  /** The character in that line, counted from 1. */
  readonly column: number;
  /** What is wrong there. */
  readonly reason: string;

  /** The errors of the file at `path`, in the order of the file. */
  constructor(
    readonly path: string,
    readonly problems: readonly [PolicyProblem, ...PolicyProblem[]],
    options?: ErrorOptions,
  ) {
    const [{ line, column, reason }, ...more] = problems;
    const further = more.length === 0
      ? ""
      : ` (and ${more.length} more: --check-policy lists them)`;
    super(`${path}:${line}:${column}: ${reason}${further}`, options);
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}
