/**
 * What a test has a daemon's C library do, and what the daemon says of it: two
 * files that both sides know.
 *
 * @module
 */
import type { Reason } from "./libc_symbols.ts";

/** A call that goes wrong. */
export interface Fault {
  symbol: string;
  /** How the callers begin, as a {@linkcode Call} names them. Default: any. */
  site?: string;
  /** Only in that image of the program, from 1 on. Default: in any. */
  image?: number;
  /** Why it fails; or only one byte is transferred. */
  outcome: Reason | "one byte";
  /** How many calls. Default: 1. */
  times?: number;
}

/** What the C library does from now on. */
export interface Plan {
  /** Another one for each plan. */
  serial: number;
  /** Whether each call is reported. */
  traced: boolean;
  faults: Fault[];
}

/** A call that was made while calls were traced. */
export interface Call {
  symbol: string;
  /** Where it was called, and from where that: `file:line:column < ...`. */
  site: string;
  /** Which image of the program made it. */
  image: number;
}

/** A line of the daemon's report. */
export type Report =
  /** An execve(2) has begun another image of the program. */
  | { event: "image"; image: number }
  | ({ event: "call"; serial: number } & Call)
  /** A fault of the plan happened. */
  | { event: "fault"; serial: number; symbol: string };

/**
 * Plans are written one behind the other, each of this size: a reader sees
 * all of one or nothing, which it would not where one is written over another.
 */
export const PLAN_SIZE = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A plan as it is written. */
export function encodePlan(plan: Plan): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(JSON.stringify(plan).padEnd(PLAN_SIZE));
  if (bytes.length > PLAN_SIZE) throw new RangeError("the plan is too long");
  return bytes;
}

/** A plan that was written. */
export function decodePlan(bytes: Uint8Array<ArrayBuffer>): Plan {
  return JSON.parse(decoder.decode(bytes));
}
