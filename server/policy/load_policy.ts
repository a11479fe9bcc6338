/**
 * Loads the policy of the command line at the start and on SIGHUP. A re-exec
 * keeps the old policy if its file has become invalid.
 *
 * @module
 */
import type { Daemon } from "../daemon/daemon.ts";
import { reasonOf } from "../log/internal_errors.ts";
import type { Log } from "../log/log.ts";
import type { PolicyRejection } from "./authorization.ts";
import type { Policy } from "./policy.ts";
import type { State } from "../reexec/state.ts";

const DENY_ALL = '{ "rules": [] }';

/**
 * Reads a policy file.
 *
 * @throws {PolicyError} naming file, line and reason, if the file is not a policy.
 * @throws {OsError} ENOENT, EACCES, ...
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

/** Logs that the file is rejected; the policy in force stays. */
function reject(error: unknown, log: Log): PolicyRejection {
  const reason = reasonOf(error);
  log.error("policy rejected, the previous one stays in force", { reason });
  return { at: new Date().toISOString(), reason };
}

/** The policy of a new generation. */
export interface InitialPolicy {
  readonly policy: Policy;
  /** Why it is that of the previous generation. */
  readonly rejection?: PolicyRejection;
}

/**
 * Loads the policy of a new generation. A re-exec must neither fail nor serve
 * without a policy because of an invalid file: it uses the text of the previous
 * generation, and if that is invalid too, denies every request.
 *
 * @throws {PolicyError} in the first generation.
 */
export async function initialPolicy(
  path: string,
  state: Pick<State, "policy"> | undefined,
  log: Log,
): Promise<InitialPolicy> {
  if (state === undefined) return { policy: await loadPolicy(path) };
  let rejection: PolicyRejection;
  try {
    return { policy: await loadPolicy(path) };
  } catch (error) {
    rejection = reject(error, log);
  }
  const { parsePolicy } = await import("./policy_file.ts");
  try {
    return { policy: parsePolicy(state.policy ?? DENY_ALL, path), rejection };
  } catch (error) {
    log.error("previous policy rejected, every request is denied", {
      reason: reasonOf(error),
    });
    return { policy: parsePolicy(DENY_ALL, path), rejection };
  }
}

/** Reads the policy file again. If it is invalid, the old policy stays in force. */
export async function rereadPolicy(
  { authorization, log }: Daemon,
): Promise<void> {
  const { policy } = authorization;
  if (policy === undefined) {
    log.info("SIGHUP ignored: the daemon has no policy");
    return;
  }
  try {
    authorization.policy = await loadPolicy(policy.path);
    authorization.rejection = undefined;
    const { path, size } = authorization.policy;
    log.info("policy reloaded", { path, rules: size });
  } catch (error) {
    authorization.rejection = reject(error, log);
  }
}
