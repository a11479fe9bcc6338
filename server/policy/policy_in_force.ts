/**
 * The policy of the command line: read at the start, again on SIGHUP, and kept
 * across a re-exec when its file has become unreadable.
 *
 * @module
 */
import type { Daemon } from "../daemon/daemon.ts";
import { reasonOf } from "../log/internal_errors.ts";
import type { Log } from "../log/log.ts";
import type { Policy } from "./policy.ts";
import type { State } from "../reexec/state.ts";

const DENY_ALL = '{ "rules": [] }';

/**
 * Reads a policy. What reads it is loaded only here, for who has one.
 *
 * @throws {PolicyError} naming file, line and reason.
 * @throws {OsError} ENOENT, EACCES.
 *
 * @example
 * ```ts no-eval
 * import { loadPolicy, serve } from "jsr:@multibinder/server";
 *
 * const policy = await loadPolicy("/etc/multibinder/policy.jsonc");
 * await using server = serve({ path: "/run/multibinder.sock", policy });
 * await server.finished;
 * ```
 */
export async function loadPolicy(path: string): Promise<Policy> {
  const { readPolicy } = await import("./policy_file.ts");
  return readPolicy(path);
}

/**
 * The policy that this generation begins with. A generation that takes over
 * sockets must not fail for want of a policy, nor be without one: it goes on
 * with the last one's text, and where that is of no use either denies all.
 *
 * @throws {PolicyError} in the first generation.
 */
export async function initialPolicy(
  path: string,
  state: Pick<State, "policy"> | undefined,
  log: Log,
): Promise<Policy> {
  if (state === undefined) return await loadPolicy(path);
  try {
    return await loadPolicy(path);
  } catch (error) {
    log.error("policy refused, the last generation's stays", {
      reason: reasonOf(error),
    });
  }
  const { parsePolicy } = await import("./policy_file.ts");
  try {
    return parsePolicy(state.policy ?? DENY_ALL, path);
  } catch (error) {
    log.error("the last generation's policy is refused too: all is denied", {
      reason: reasonOf(error),
    });
    return parsePolicy(DENY_ALL, path);
  }
}

/** Reads the policy again; a bad one is refused and the old one stays. */
export async function rereadPolicy(
  { authorization, log }: Daemon,
): Promise<void> {
  const { policy } = authorization;
  if (policy === undefined) {
    log.info("SIGHUP: there is no policy to read again");
    return;
  }
  try {
    authorization.policy = await loadPolicy(policy.path);
    const { path, size } = authorization.policy;
    log.info("policy read", { path, rules: size });
  } catch (error) {
    log.error("policy refused, the old one stays", { reason: reasonOf(error) });
  }
}
