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

/**
 * A policy file is invalid. The message is `path:line: reason`. docs/policy.md
 * describes the format.
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

  /** An error on `line`, counted from 1, of the file at `path`. */
  constructor(
    readonly path: string,
    readonly line: number,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${path}:${line}: ${reason}`, options);
  }
}
