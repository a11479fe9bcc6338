/**
 * A policy: who may ask the daemon for what.
 *
 * @module
 */
import type { Address } from "../../address.ts";

/** Who asks, as the kernel recorded it at connect(2): unix(7). */
export interface Requester {
  /** The process. */
  readonly pid: number;
  /** Its user. */
  readonly uid: number;
  /** Its group. */
  readonly gid: number;
  /** Its supplementary groups. */
  readonly groups: readonly number[];
}

/** What somebody asks for. */
export interface Wish {
  /** Such as `bind`. */
  readonly method: string;
  /** Canonical: a numeric host, a path with its directory as it really is. */
  readonly address?: Address;
  /** The names of the options that a bind asks for. */
  readonly options?: readonly string[];
}

/** What a rule does where it matches. */
export type Effect = "allow" | "deny";

/** What a policy says to a wish. */
export interface Decision {
  /** Whether it is granted. */
  readonly allowed: boolean;
  /** What decided, for log and message: `rule 3 (web)` or `no rule`. */
  readonly rule: string;
}

/** Rules, of which the first that matches decides. */
export interface Policy {
  /** The file it was read from. */
  readonly path: string;
  /** What the file said. */
  readonly text: string;
  /** How many rules there are. */
  readonly size: number;
  /** When it was read, ISO 8601. */
  readonly loadedAt: string;
  /**
   * What the first rule that matches says; without one it is denied.
   *
   * @throws {SocketAddressError} for a host that is not numeric.
   */
  decide(who: Requester, what: Wish): Decision;
}

/** A file that is no policy. */
export class PolicyError extends Error {
  /** `PolicyError`. */
  override readonly name = "PolicyError";

  /** `line` of the file at `path` is wrong, counted from 1. */
  constructor(
    readonly path: string,
    readonly line: number,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${path}:${line}: ${reason}`, options);
  }
}
