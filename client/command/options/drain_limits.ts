import { readDuration } from "./duration.ts";
import { UsageError } from "../../../given_options.ts";

/**
 * Reads the value of `--max-draining`.
 *
 * @throws {UsageError}
 */
export function readMaxDraining(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(
    `invalid --max-draining ${text}: expected a number from 1 on`,
  );
}

/**
 * Reads the value of `--drain-timeout` in ms: `never` is `Infinity`.
 *
 * @throws {UsageError}
 */
export function readDrainTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text === "never" ? Infinity : readDuration("drain-timeout", text);
}
