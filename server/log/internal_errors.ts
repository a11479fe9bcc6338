import { OsError } from "../../ffi/libc/errno.ts";
import type { Log } from "./log.ts";
import { PolicyError } from "../policy/policy.ts";

/**
 * The text of an error for the log: its message if the daemon expects such an
 * error, otherwise its stack, because the daemon has a defect.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isExpected = error instanceof OsError || error instanceof PolicyError;
  return isExpected ? error.message : error.stack ?? error.message;
}

/** Logs an error that no client has caused. */
export function logInternalError(log: Log, error: unknown): void {
  log.error("internal error", { reason: reasonOf(error) });
}
