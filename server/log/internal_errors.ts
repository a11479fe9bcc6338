import { OsError } from "../../ffi/libc/errno.ts";
import type { Log } from "./log.ts";
import { PolicyError } from "../policy/policy.ts";

/**
 * What the log says about an error: its message where that explains the
 * failure, else a stack, because the daemon has a defect.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isExplained = error instanceof OsError || error instanceof PolicyError;
  return isExplained ? error.message : error.stack ?? error.message;
}

/** Logs an error that no client caused. */
export function logInternalError(log: Log, error: unknown): void {
  log.error("internal error", { reason: reasonOf(error) });
}
