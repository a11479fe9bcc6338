/**
 * Loads the policy of the command line at the start and on SIGHUP. A re-exec
 * keeps the old policy if its file has become invalid.
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
): Promise<Policy> {
  if (state === undefined) return await loadPolicy(path);
  try {
    return await loadPolicy(path);
  } catch (error) {
    log.error("policy rejected, the previous one stays in force", {
      reason: reasonOf(error),
    });
  }
  const { parsePolicy } = await import("./policy_file.ts");
  try {
    return parsePolicy(state.policy ?? DENY_ALL, path);
  } catch (error) {
    log.error("previous policy rejected, every request is denied", {
      reason: reasonOf(error),
    });
    return parsePolicy(DENY_ALL, path);
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
    const { path, size } = authorization.policy;
    log.info("policy reloaded", { path, rules: size });
  } catch (error) {
    log.error("policy rejected, the previous one stays in force", {
      reason: reasonOf(error),
    });
  }
}
