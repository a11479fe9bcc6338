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
  /** The callers, as a {@linkcode Call} names them. Default: any. */
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

/** The file of a plan has this size always: it is written in one piece. */
export const PLAN_SIZE = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The plan's file: the serial number at both ends shows that it is whole. */
export function encodePlan(plan: Plan): Uint8Array<ArrayBuffer> {
  const text = `${plan.serial}\n${JSON.stringify(plan)}\n${plan.serial}\n`;
  const bytes = encoder.encode(text.padEnd(PLAN_SIZE));
  if (bytes.length > PLAN_SIZE) throw new RangeError("the plan is too long");
  return bytes;
}

/** The plan, or `undefined` where it is being written. */
export function decodePlan(bytes: Uint8Array<ArrayBuffer>): Plan | undefined {
  const [first, json, last] = decoder.decode(bytes).split("\n");
  return first === last && json !== undefined ? JSON.parse(json) : undefined;
}
